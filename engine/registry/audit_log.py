"""The audit chain's place in the registry: its lines, and apart from them where it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from engine.audit import AuditEvent, AuditRecord, ChainHead, read_record, seal, tied
from engine.registry.schema import AUDIT_HASH, AUDIT_SEQ, meta

PAGE: Final = 1_000
"""Lines read at a time when the whole chain is read, so that a long one is never held in memory."""


def append(connection: sqlite3.Connection, event: AuditEvent, *, at: datetime) -> AuditRecord:
    """Add an event to the end of the chain, in the transaction that is open."""
    record, end = seal(tied(event), at=at, head=head(connection))
    connection.execute("INSERT INTO audit VALUES (?, ?)", (record.seq, record.line()))
    connection.executemany("UPDATE meta SET value = ? WHERE name = ?", [(end.seq, AUDIT_SEQ), (end.hash, AUDIT_HASH)])
    return record


def head(connection: sqlite3.Connection) -> ChainHead:
    """Where the chain ends."""
    return ChainHead(meta(connection, AUDIT_SEQ), meta(connection, AUDIT_HASH))


def page(connection: sqlite3.Connection, *, after: int, upto: int) -> Sequence[tuple[int, bytes]]:
    """The next lines after one sequence number and up to another, oldest first, with their own numbers."""
    return connection.execute(
        "SELECT seq, line FROM audit WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?", (after, upto, PAGE)
    ).fetchall()


def tail(connection: sqlite3.Connection, *, limit: int) -> Sequence[AuditRecord]:
    """The latest records, newest first. Raises InvalidInput for a line that is no record."""
    rows = connection.execute("SELECT line FROM audit ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
    return [read_record(line) for (line,) in rows]
