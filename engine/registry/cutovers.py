"""Cutovers in the registry: each environment's latest plan, and who works on it now.

The plan is kept as its audit record says, like the readiness review. Who works on it is a lease: whoever holds it adds
one to its beat every second, and may be replaced only by somebody who has watched it stand still.
"""

from __future__ import annotations

import sqlite3

from engine.audit import AuditRecord
from engine.canonical import strict_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import Conflict
from engine.ids import hash_bytes
from engine.ports import CutoverLease, StoredCutover
from engine.registry.faults import Damage


def current(connection: sqlite3.Connection, env: str) -> StoredCutover | None:
    """An environment's latest cutover; None before the first.

    Raises:
        Damage: It is not what its audit record says.
    """
    row = connection.execute(
        "SELECT revision, document, line FROM cutover LEFT JOIN audit ON seq = audit_seq WHERE env = ?", (env,)
    ).fetchone()
    if row is None:
        return None
    stored = StoredCutover(env, int(row[0]), bytes(row[1]))
    if row[2] is None or _told_by(row[2]) != (stored.revision, hash_bytes(stored.document)):
        raise Damage(f"the cutover of {env} is not what its audit record says")
    return stored


def check_expected(connection: sqlite3.Connection, env: str, expected_revision: int) -> None:
    """Refuse a change that rests on a plan that is not the current one. Raises Conflict."""
    now = current(connection, env)
    if (now.revision if now else 0) != expected_revision:
        raise Conflict(
            "cutover.revision_conflict",
            f"Somebody else went on with the cutover of {env} meanwhile",
            "Look where it stands: capctl cutover status.",
        )


def put(connection: sqlite3.Connection, stored: StoredCutover, record: AuditRecord) -> None:
    """Make a plan the current one."""
    connection.execute(
        "INSERT INTO cutover VALUES (?, ?, ?, ?) ON CONFLICT (env) DO UPDATE SET revision = excluded.revision,"
        " document = excluded.document, audit_seq = excluded.audit_seq",
        (stored.env, stored.revision, stored.document, record.seq),
    )


def environments(connection: sqlite3.Connection) -> list[str]:
    """The environments that have one."""
    return [str(env) for (env,) in connection.execute("SELECT env FROM cutover ORDER BY env")]


def lease(connection: sqlite3.Connection, env: str) -> CutoverLease | None:
    """Who works on it now, or did when they were last heard of."""
    row = connection.execute(
        "SELECT holder, actor, step, since, beat, at FROM cutover_lease WHERE env = ?", (env,)
    ).fetchone()
    if row is None:
        return None
    holder, actor, step, since, beat, at = row
    return CutoverLease(env, holder, actor, step, from_rfc3339(since), beat, from_rfc3339(at))


def take(connection: sqlite3.Connection, wanted: CutoverLease, *, instead_of: CutoverLease | None) -> bool:
    """Take the lease if nobody has it, or still whoever is to be replaced, at that very beat."""
    now = lease(connection, wanted.env)
    if now is not None and (instead_of is None or (now.holder, now.beat) != (instead_of.holder, instead_of.beat)):
        return False
    connection.execute(
        "INSERT OR REPLACE INTO cutover_lease VALUES (?, ?, ?, ?, ?, ?, ?)",
        (wanted.env, wanted.holder, wanted.actor, wanted.step, *_times(wanted)),
    )
    return True


def renew(connection: sqlite3.Connection, held: CutoverLease) -> bool:
    """Beat once more; False when somebody else has it by now."""
    changed = connection.execute(
        "UPDATE cutover_lease SET step = ?, since = ?, beat = ?, at = ? WHERE env = ? AND holder = ?",
        (held.step, *_times(held), held.env, held.holder),
    )
    return changed.rowcount == 1


def release(connection: sqlite3.Connection, held: CutoverLease) -> None:
    """Give it back."""
    connection.execute("DELETE FROM cutover_lease WHERE env = ? AND holder = ?", (held.env, held.holder))


def _times(held: CutoverLease) -> tuple[str, int, str]:
    return to_rfc3339(held.since), held.beat, to_rfc3339(held.at)


def _told_by(line: bytes) -> tuple[object, object]:
    record = strict_json(line, what="the audit record")
    return (record.get("revision"), record.get("evidence")) if isinstance(record, dict) else (None, None)
