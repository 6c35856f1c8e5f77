"""The simulated system's database: one SQLite table per entity set, so that anybody can count its rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from engine.sap.simulator.schema import ENTITY_SETS, EntitySet

Entity = dict[str, Any]


class DuplicateKey(Exception):
    """The key is taken, and the table's key is unique."""


class Stored(NamedTuple):
    """An entity with its version, which its ETag is made of."""

    entity: Entity
    version: int


class SimulatorStore:
    """Entities by key, each as JSON in a row of its own. To be used by one thread at a time.

    Args:
        path: The database's file; `:memory:` keeps nothing.
        unique_key: Whether a key can be taken only once.
    """

    def __init__(self, path: Path | str, *, unique_key: bool = True) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        for entity_set in ENTITY_SETS.values():
            table = entity_set.name
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY, key TEXT NOT NULL, body TEXT NOT NULL,"
                " version INTEGER NOT NULL DEFAULT 1)"
            )
            unique = "UNIQUE" if unique_key else ""
            self._db.execute(f"CREATE {unique} INDEX IF NOT EXISTS {table}_key ON {table} (key)")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or none of it. Blocks may be nested."""
        name = "SAVEPOINT changeset"
        self._db.execute(name)
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK TO changeset")
            raise
        finally:
            self._db.execute("RELEASE changeset")

    def insert(self, entity_set: EntitySet, entities: Iterable[Entity]) -> None:
        """Add entities.

        Raises:
            DuplicateKey: One of the keys is taken; the ones before it were added.
        """
        rows = ((key_of(entity_set, entity), json.dumps(entity)) for entity in entities)
        try:
            self._db.executemany(f"INSERT INTO {entity_set.name} (key, body) VALUES (?, ?)", rows)  # noqa: S608
        except sqlite3.IntegrityError as error:
            raise DuplicateKey from error

    def get(self, entity_set: EntitySet, key: Entity) -> Stored | None:
        """The entity of a key."""
        query = f"SELECT body, version FROM {entity_set.name} WHERE key = ?"  # noqa: S608 - a name of ours
        row = self._db.execute(query, (key_of(entity_set, key),)).fetchone()
        return Stored(json.loads(row[0]), row[1]) if row else None

    def replace(self, entity_set: EntitySet, entity: Entity) -> Stored:
        """Store an entity over the one with its key."""
        statement = f"UPDATE {entity_set.name} SET body = ?, version = version + 1 WHERE key = ?"  # noqa: S608
        self._db.execute(statement, (json.dumps(entity), key_of(entity_set, entity)))
        stored = self.get(entity_set, entity)
        assert stored is not None
        return stored

    def count(self, entity_set: EntitySet, where: str = "1", values: Sequence[Any] = ()) -> int:
        """How many entities satisfy a condition over `body`."""
        query = f"SELECT count(*) FROM {entity_set.name} WHERE {where}"  # noqa: S608 - made by `query`
        return int(self._db.execute(query, values).fetchone()[0])

    def select(
        self, entity_set: EntitySet, where: str, values: Sequence[Any], *, skip: int, limit: int
    ) -> list[Stored]:
        """Entities that satisfy a condition, by key."""
        query = f"SELECT body, version FROM {entity_set.name} WHERE {where} ORDER BY key, id LIMIT ? OFFSET ?"  # noqa: S608
        rows = self._db.execute(query, (*values, limit, skip))
        return [Stored(json.loads(body), version) for body, version in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def key_of(entity_set: EntitySet, entity: Entity) -> str:
    """The key as one text."""
    return json.dumps([entity[name] for name in entity_set.key])
