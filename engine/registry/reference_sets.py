"""Reference sets in the registry: a list is one blob of sorted lines, because it is only ever read whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput, NotFound
from engine.ports import ReferenceSetEntry
from engine.registry import blobs

MAX_BYTES: Final = 900_000_000
"""Of one set; SQLite holds at most 1,000,000,000 bytes in a value. About thirteen million hashes."""


def encode(members: frozenset[str]) -> bytes:
    """The members as sorted lines.

    Raises:
        InvalidInput: A member holds a line break or is no valid Unicode, or they are too many.
    """
    try:
        content = "\n".join(sorted(members)).encode()
    except UnicodeEncodeError:
        raise _unfit("a member is not valid Unicode") from None
    if content.count(b"\n") != max(len(members) - 1, 0):
        raise _unfit("a member holds a line break")
    if len(content) > MAX_BYTES:
        raise _unfit(f"its members take {len(content)} bytes, more than {MAX_BYTES}")
    return content


def decode(content: bytes, count: int) -> frozenset[str]:
    """The members of a set of `count` members from its lines."""
    return frozenset(content.decode().split("\n")) if count else frozenset()


def put(connection: sqlite3.Connection, entry: ReferenceSetEntry, content: bytes) -> None:
    """Store a set under its root, or give the one that is there another name."""
    connection.execute(
        "INSERT INTO reference_set VALUES (?, ?, ?, ?, ?) ON CONFLICT (root) DO UPDATE SET name = excluded.name",
        (entry.root, entry.name, entry.count, blobs.put(connection, content), to_rfc3339(entry.imported_at)),
    )


def listed(connection: sqlite3.Connection, root: str) -> ReferenceSetEntry | None:
    """A set's entry, if it is stored."""
    row = connection.execute(
        "SELECT root, name, count, imported_at FROM reference_set WHERE root = ?", (root,)
    ).fetchone()
    return None if row is None else _entry(row)


def everything_listed(connection: sqlite3.Connection) -> Sequence[ReferenceSetEntry]:
    """Every set's entry, by name."""
    rows = connection.execute("SELECT root, name, count, imported_at FROM reference_set ORDER BY name, root")
    return [_entry(row) for row in rows]


def content(connection: sqlite3.Connection, root: str) -> tuple[str, bytes, int]:
    """Digest, lines and number of a set's members, unchecked: checking takes time that needs no connection.

    Raises:
        NotFound: No set has this root.
    """
    row: tuple[str, bytes, int] | None = connection.execute(
        "SELECT digest, content, count FROM reference_set JOIN blob ON digest = members WHERE root = ?", (root,)
    ).fetchone()
    if row is None:
        raise unknown(root)
    return row


def digest(connection: sqlite3.Connection, root: str) -> str:
    """The digest of a set's lines. Raises NotFound."""
    row = connection.execute("SELECT members FROM reference_set WHERE root = ?", (root,)).fetchone()
    if row is None:
        raise unknown(root)
    return str(row[0])


def unknown(root: str) -> NotFound:
    """No set has this root."""
    return NotFound(
        "lists.unknown_root",
        f"No reference set has the root {root}",
        "See capctl lists list, or import it: capctl lists import.",
    )


def _entry(row: tuple[str, str, int, str]) -> ReferenceSetEntry:
    root, name, count, imported_at = row
    return ReferenceSetEntry(root, name, count, from_rfc3339(imported_at))


def _unfit(problem: str) -> InvalidInput:
    return InvalidInput(
        "lists.unfit", f"The reference set cannot be stored: {problem}", "Correct the list and import it again."
    )
