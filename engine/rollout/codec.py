"""A rollout as JSON data, and back.

Reading is strict: a rollout decides what is enforced, so a document that is not exactly understood is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput
from engine.ids import is_hash
from engine.rollout.plan import parse_plan, plan_to_json, to_percent
from engine.rollout.state import FULL, BreakGlass, Phase, RolloutState

VERSION: Final = 1
"""Of the document; a reader refuses a newer one, because it cannot know what it means."""


def to_json(state: RolloutState) -> dict[str, Any]:
    """The whole state, as it is stored. The salt is in it: never show this to a caller of the verifier."""
    return {
        "version": VERSION,
        "policy_id": state.policy_id,
        "revision": state.revision,
        "phase": state.phase.value,
        "plan": plan_to_json(state.plan),
        "step_index": state.step_index,
        "basis_points": state.basis_points,
        "step_id": state.step_id,
        "step_started_at": to_rfc3339(state.step_started_at),
        "salt": state.salt.hex(),
        "bucket_version": state.bucket_version,
        "candidate_ir_hash": state.candidate_ir_hash,
        "actor": state.actor,
        "reason": state.reason,
        "changed_at": to_rfc3339(state.changed_at),
        "break_glass": _break_glass_to_json(state.break_glass),
    }


def public_json(state: RolloutState) -> dict[str, Any]:
    """The state for people and APIs: without the salt, with the percentage."""
    document = to_json(state)
    del document["salt"]
    return {**document, "percent": to_percent(state.basis_points)}


def from_json(document: object) -> RolloutState:
    """Read a stored state.

    Args:
        document: What `to_json` made. Unverified.

    Raises:
        InvalidInput: It is from a newer version, or not a rollout.
    """
    if not isinstance(document, Mapping):
        raise _malformed("it is not a JSON object")
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InvalidInput(
            "rollout.newer_version",
            f"This rollout was written by a newer version (document version {version}, known {VERSION})",
            "Update capctl here; nothing is enforced from a document that is not understood.",
        )
    if version != VERSION or isinstance(version, bool):
        raise _malformed(f"version {version!r} is unknown")
    if set(document) != _FIELDS:
        raise _malformed(
            f"it has missing or unknown fields: {', '.join(sorted(map(str, set(document) ^ _FIELDS)))[:200]}"
        )
    try:
        state = _read(document)
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed("a field has the wrong type") from error
    _check(state)
    return state


_FIELDS: Final = frozenset({"version", *(f.name for f in fields(RolloutState))})


def _read(document: Mapping[str, Any]) -> RolloutState:
    return RolloutState(
        policy_id=_text(document["policy_id"]),
        revision=_whole(document["revision"]),
        phase=Phase(document["phase"]),
        plan=parse_plan(document["plan"]),
        step_index=_whole(document["step_index"]),
        basis_points=_whole(document["basis_points"]),
        step_id=_text(document["step_id"]),
        step_started_at=from_rfc3339(_text(document["step_started_at"])),
        salt=bytes.fromhex(_text(document["salt"])),
        bucket_version=_whole(document["bucket_version"]),
        candidate_ir_hash=None if document["candidate_ir_hash"] is None else _text(document["candidate_ir_hash"]),
        actor=_text(document["actor"]),
        reason=_text(document["reason"]),
        changed_at=from_rfc3339(_text(document["changed_at"])),
        break_glass=_break_glass_from_json(document["break_glass"]),
    )


def _check(state: RolloutState) -> None:
    """Refuse a state that no transition can have made."""
    enforced = {Phase.SHADOW: state.basis_points == 0, Phase.ROLLED_BACK: state.basis_points == 0}
    enforced |= {Phase.FULL: state.basis_points == FULL, Phase.CANARY: 0 < state.basis_points < FULL}
    if not enforced.get(state.phase, 0 <= state.basis_points <= FULL):
        raise _malformed(f"phase {state.phase} does not go with {to_percent(state.basis_points)} %")
    if not -1 <= state.step_index < len(state.plan.steps):
        raise _malformed(f"the plan has no step {state.step_index}")
    if state.revision < 1 or state.bucket_version < 1 or len(state.salt) < 16 or not state.step_id:
        raise _malformed("revision, bucket version, salt or step id is out of range")
    if state.candidate_ir_hash is not None and not is_hash(state.candidate_ir_hash):
        raise _malformed("the candidate is not named by a hash")
    glass = state.break_glass
    if glass is not None and not 0 <= glass.return_to_basis_points <= FULL:
        raise _malformed("break-glass returns to an impossible percentage")


def _break_glass_to_json(glass: BreakGlass | None) -> dict[str, Any] | None:
    if glass is None:
        return None
    return {
        "reason": glass.reason,
        "actor": glass.actor,
        "until": to_rfc3339(glass.until),
        "return_to_basis_points": glass.return_to_basis_points,
    }


def _break_glass_from_json(document: Mapping[str, Any] | None) -> BreakGlass | None:
    if document is None:
        return None
    return BreakGlass(
        reason=_text(document["reason"]),
        actor=_text(document["actor"]),
        until=from_rfc3339(_text(document["until"])),
        return_to_basis_points=_whole(document["return_to_basis_points"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value


def _malformed(problem: str) -> InvalidInput:
    return InvalidInput(
        "rollout.malformed",
        f"The stored rollout cannot be read: {problem}",
        "Restore it from a backup, or start the rollout anew; until then nothing is enforced.",
    )
