"""Rollouts in the registry: every change that ever was, and which one is the current.

The audit record of a change holds the hash of the state it made and of the evidence it rests on. The current state is
checked against it whenever it is read: what decides which requests are enforced must not change by a flipped bit, nor
by somebody with an editor.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from engine.audit import AuditRecord
from engine.canonical import canonical_json, strict_json
from engine.clock import to_rfc3339
from engine.errors import Conflict, InvalidInput, NotFound
from engine.ids import hash_bytes
from engine.ports import RolloutChange
from engine.registry.faults import Damage
from engine.rollout.codec import from_json, to_json
from engine.rollout.state import RolloutState

_CURRENT: Final = (
    "SELECT state, evidence, line FROM rollout JOIN rollout_change USING (policy_id, revision)"
    " LEFT JOIN audit ON seq = audit_seq"
)


def current(connection: sqlite3.Connection, policy_id: str) -> RolloutState | None:
    """Where a policy's rollout stands."""
    row = connection.execute(f"{_CURRENT} WHERE policy_id = ?", (policy_id,)).fetchone()
    return None if row is None else read_recorded(*row)


def everything_current(connection: sqlite3.Connection) -> Sequence[RolloutState]:
    """Where every rollout stands, by policy."""
    rows = connection.execute(f"{_CURRENT} ORDER BY policy_id")
    return [read_recorded(*row) for row in rows]


def check_expected(connection: sqlite3.Connection, change: RolloutChange, expected_revision: int | None) -> None:
    """Refuse a change that rests on a state that is not the current one, or on a candidate that is not stored.

    Raises:
        Conflict: Somebody else was faster.
        NotFound: The candidate's IR was never stored.
    """
    state = change.state
    now = current(connection, state.policy_id)
    if (now.revision if now else None) != expected_revision:
        raise _conflict(state.policy_id, now)
    if state.revision != (expected_revision or 0) + 1:
        raise ValueError(f"revision {state.revision} does not follow {expected_revision}")
    candidate = state.candidate_ir_hash
    if candidate and not connection.execute("SELECT 1 FROM ir WHERE ir_hash = ?", (candidate,)).fetchone():
        raise NotFound("policy.ir_unknown", f"The candidate {candidate} is not stored", "Compile and store it first.")


def sealed(change: RolloutChange) -> str:
    """What the audit record of a change says of it."""
    return _seal(canonical_json(to_json(change.state)), canonical_json(change.evidence))


def add(connection: sqlite3.Connection, change: RolloutChange, record: AuditRecord) -> None:
    """Make a change the current one."""
    state = change.state
    connection.execute(
        "INSERT INTO rollout_change VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            state.policy_id,
            state.revision,
            change.action,
            canonical_json(to_json(state)),
            canonical_json(change.evidence),
            state.candidate_ir_hash,
            record.seq,
        ),
    )
    connection.execute(
        "INSERT INTO rollout VALUES (?, ?) ON CONFLICT (policy_id) DO UPDATE SET revision = excluded.revision",
        (state.policy_id, state.revision),
    )


def history(connection: sqlite3.Connection, policy_id: str, *, limit: int) -> Sequence[RolloutChange]:
    """The latest changes, newest first."""
    rows = connection.execute(
        "SELECT state, action, evidence FROM rollout_change WHERE policy_id = ? ORDER BY revision DESC LIMIT ?",
        (policy_id, limit),
    )
    return [RolloutChange(_read_state(state), action, _json(evidence)) for state, action, evidence in rows]


def read_recorded(state: bytes, evidence: bytes, line: bytes | None) -> RolloutState:
    """A state from its stored form, if it is what its audit record says.

    Args:
        state: As stored.
        evidence: As stored.
        line: The audit record of the change; None when it is not there.

    Raises:
        Damage: It is not, or it is no JSON.
        InvalidInput: It is no state.
    """
    read = _read_state(state)
    # Only this one field: whether the record itself is sound is the chain's business.
    record = None if line is None else _json(line)
    if not isinstance(record, dict) or record.get("evidence") != _seal(state, evidence):
        raise Damage(f"the rollout of {read.policy_id} is not what its audit record says")
    return read


def _seal(state: bytes, evidence: bytes) -> str:
    # Canonical parts, with their names in order, make the canonical whole.
    return hash_bytes(b'{"evidence":%b,"state":%b}' % (evidence, state))


def _read_state(stored: bytes) -> RolloutState:
    return from_json(_json(stored))


def _json(stored: bytes) -> Any:
    try:
        return strict_json(stored, what="the stored rollout")
    except InvalidInput as error:
        raise Damage(error.message) from error


def _conflict(policy_id: str, now: RolloutState | None) -> Conflict:
    if now is None:
        return Conflict(
            "rollout.revision_conflict", f"{policy_id} has no rollout any more", "Look again: capctl rollout show."
        )
    return Conflict(
        "rollout.revision_conflict",
        f"{now.actor} changed the rollout of {policy_id} meanwhile: {now.phase} at {now.basis_points / 100:g} %, "
        f"revision {now.revision}, {to_rfc3339(now.changed_at)}",
        "Look again (capctl rollout show), then decide anew.",
    )
