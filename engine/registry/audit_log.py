"""The audit trail's place in the registry: its lines, and apart from them where it ends and the tree over it.

The tree's compact range is kept beside the lines, so that a checkpoint of a long trail costs no more than one of a
short one. It is no evidence by itself: who can alter the lines can alter it. The evidence is what was signed and kept
elsewhere.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from engine.audit import (
    EMPTY_TREE,
    AuditEvent,
    AuditRecord,
    ChainHead,
    CompactRange,
    leaf_hash,
    read_record,
    seal,
    tied,
)
from engine.audit.checkpoint import ORIGIN_PREFIX
from engine.ports import AuditState
from engine.registry.faults import Damage
from engine.registry.schema import (
    ACTOR_SECRET,
    AUDIT_CHECKPOINT,
    AUDIT_CHECKPOINT_TREE,
    AUDIT_HASH,
    AUDIT_SEQ,
    AUDIT_TREE,
    meta,
    optional,
)

PAGE: Final = 1_000
"""Lines read at a time when the whole chain is read, so that a long one is never held in memory."""

LAST: Final = 2**63 - 1
"""Above every sequence number that SQLite can hold."""


def append(connection: sqlite3.Connection, event: AuditEvent, *, at: datetime) -> AuditRecord:
    """Add an event to the end of the chain and to the tree, in the transaction that is open."""
    before = head(connection)
    grown = tree(connection, before.seq)
    record, end = seal(tied(event), at=at, head=before)
    line = record.line()
    connection.execute("INSERT INTO audit VALUES (?, ?)", (record.seq, line))
    connection.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [
            (AUDIT_SEQ, end.seq),
            (AUDIT_HASH, end.hash),
            (AUDIT_TREE, grown.append(leaf_hash(line)).to_bytes()),
        ],
    )
    return record


def head(connection: sqlite3.Connection) -> ChainHead:
    """Where the chain ends."""
    return ChainHead(meta(connection, AUDIT_SEQ), meta(connection, AUDIT_HASH))


def tree(connection: sqlite3.Connection, size: int) -> CompactRange:
    """The tree over the lines as it was kept when they were added."""
    stored = optional(connection, AUDIT_TREE)
    # A registry from before there were trees grows one with its next record.
    return _planted(connection) if stored is None else _read_tree(size, stored)


def state(connection: sqlite3.Connection) -> AuditState:
    """Everything there is to know of the trail without reading its lines."""
    end = head(connection)
    note = optional(connection, AUDIT_CHECKPOINT)
    return AuditState(
        head=end,
        tree=tree(connection, end.seq),
        origin=_origin(connection),
        checkpoint=str(note or ""),
        covered=_read_covered(optional(connection, AUDIT_CHECKPOINT_TREE)),
    )


def note_checkpoint(connection: sqlite3.Connection, note: str, covered: CompactRange) -> None:
    """Remember the latest checkpoint, and the tree that it commits to."""
    hashes = b"%d:%b" % (covered.size, covered.to_bytes())
    connection.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)", [(AUDIT_CHECKPOINT, note), (AUDIT_CHECKPOINT_TREE, hashes)]
    )


def forget_checkpoint(connection: sqlite3.Connection) -> None:
    """Begin anew, as if there had been no checkpoint."""
    connection.execute("DELETE FROM meta WHERE name IN (?, ?)", (AUDIT_CHECKPOINT, AUDIT_CHECKPOINT_TREE))


def page(connection: sqlite3.Connection, *, after: int) -> Sequence[tuple[int, bytes]]:
    """The next lines after one sequence number, oldest first, with their own numbers."""
    return connection.execute(
        "SELECT seq, CAST(line AS BLOB) FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", (after, PAGE)
    ).fetchall()


def page_back(connection: sqlite3.Connection, *, before: int = LAST) -> Sequence[tuple[int, bytes]]:
    """The next lines before one sequence number, newest first, with their own numbers."""
    return connection.execute(
        "SELECT seq, CAST(line AS BLOB) FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?", (before, PAGE)
    ).fetchall()


def tail(connection: sqlite3.Connection, *, limit: int) -> Sequence[AuditRecord]:
    """The latest records, newest first. Raises InvalidInput for a line that is no record."""
    rows = connection.execute("SELECT CAST(line AS BLOB) FROM audit ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
    return [read_record(line) for (line,) in rows]


def _planted(connection: sqlite3.Connection) -> CompactRange:
    grown = EMPTY_TREE
    for (line,) in connection.execute("SELECT CAST(line AS BLOB) FROM audit ORDER BY seq"):
        grown = grown.append(leaf_hash(line))
    return grown


def _read_covered(stored: Any) -> CompactRange:
    if stored is None:
        return EMPTY_TREE
    size, _, hashes = stored.partition(b":") if isinstance(stored, bytes) else (b"", b"", b"")
    if not size.isdigit():
        raise Damage("what it remembers of the last checkpoint is no tree")
    return _read_tree(int(size), hashes)


def _read_tree(size: int, stored: Any) -> CompactRange:
    try:
        return CompactRange.from_bytes(size, bytes(memoryview(stored)))
    except (TypeError, ValueError) as error:
        raise Damage("the tree over the audit trail is not that of its length") from error


def _origin(connection: sqlite3.Connection) -> str:
    """The trail's name. It stays with the registry through backup and restore, and says nothing about its secret."""
    digest = hmac.digest(meta(connection, ACTOR_SECRET), b"audit trail", "sha256")
    return ORIGIN_PREFIX + digest.hex()[:16]
