"""Who is behind a pseudonym: the one table with names of people."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from engine.clock import to_rfc3339
from engine.ids import pseudonym
from engine.registry.schema import ACTOR_SECRET, meta


def pseudonym_of(connection: sqlite3.Connection, name: str) -> str:
    """The pseudonym of an actor in this registry, known or not."""
    return pseudonym(meta(connection, ACTOR_SECRET), name)


def name_of(connection: sqlite3.Connection, known_as: str) -> str | None:
    """The name behind a pseudonym, if it was ever noted."""
    row = connection.execute("SELECT name FROM actor WHERE pseudonym = ?", (known_as,)).fetchone()
    return None if row is None else str(row[0])


def note(connection: sqlite3.Connection, known_as: str, name: str, *, at: datetime) -> None:
    """Remember the name behind a pseudonym."""
    connection.execute("INSERT OR IGNORE INTO actor VALUES (?, ?, ?)", (known_as, name, to_rfc3339(at)))
