"""The rollout's state machine, as data and pure functions.

`POSSIBLE` says which action a phase allows. Each function takes a state and makes the next one, with the next revision;
nothing here stores, asks or judges. Only `promote` and `set` may raise the percentage, and only what raises it needs a
gate: the caller compares. The evidence gets a new name (`step_id`) when what is measured changes: the percentage, the
candidate, the plan.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from engine.errors import Conflict, Held, InvalidInput, printable
from engine.rollout.plan import to_percent
from engine.rollout.state import FULL, BreakGlass, Phase, RolloutPlan, RolloutState, Step


class Action(StrEnum):
    """What can be done to a rollout; the value is what its history says."""

    START = "start"
    PROMOTE = "promote"
    SET = "set"
    PAUSE = "pause"
    RESUME = "resume"
    ROLLBACK = "rollback"
    CANDIDATE = "candidate"
    EXPIRE = "expire"


_RUNNING: Final = frozenset({Action.SET, Action.PAUSE, Action.ROLLBACK, Action.CANDIDATE, Action.EXPIRE})

POSSIBLE: Final[Mapping[Phase | None, frozenset[Action]]] = {
    None: frozenset({Action.START}),
    Phase.SHADOW: _RUNNING | {Action.START, Action.PROMOTE},
    Phase.CANARY: _RUNNING | {Action.PROMOTE},
    Phase.FULL: _RUNNING | {Action.START},
    Phase.PAUSED: _RUNNING - {Action.PAUSE} | {Action.RESUME},
    Phase.ROLLED_BACK: frozenset({Action.START, Action.ROLLBACK}),
}
"""By phase; None stands for a policy that never had a rollout. A paused rollout may be set lower, not higher, and a
rollback of what is rolled back already changes nothing."""

MAX_REASON: Final = 500
"""Longest reason that is kept, in characters."""

_WAY_OUT: Final[Mapping[Phase | None, str]] = {
    None: "Start a rollout first.",
    Phase.SHADOW: "",
    Phase.CANARY: "Roll back before starting anew.",
    Phase.FULL: "It is enforced for every request; start a new rollout or roll back.",
    Phase.PAUSED: "Resume it first.",
    Phase.ROLLED_BACK: "Start it again, from 0 %.",
}


def require_possible(state: RolloutState | None, action: Action) -> None:
    """Raise Held, saying what is possible now, unless the phase allows the action."""
    phase = state.phase if state else None
    if action in POSSIBLE[phase]:
        return
    now = ", ".join(sorted(POSSIBLE[phase] - {Action.EXPIRE, Action.CANDIDATE}))
    what = "no rollout was started" if phase is None else f"the rollout is {phase.value.replace('_', ' ')}"
    raise Held(
        "rollout.not_possible", f"Cannot {action.value}: {what}", f"{_WAY_OUT[phase]} Possible now: {now}.".strip()
    )


def as_reason(text: str) -> str:
    """A reason as it is kept: one line of a bounded length. Clipped, not refused: going back must not fail on words."""
    line = " ".join(printable(text).split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def require_revision(state: RolloutState | None, expected: int | None) -> None:
    """Raise Conflict, saying who changed what, unless the state has the expected revision; None expects nothing."""
    if expected is None or (state is not None and state.revision == expected):
        return
    if state is None:
        raise Conflict("rollout.revision_conflict", "There is no rollout any more", "Look again: capctl rollout show.")
    raise Conflict(
        "rollout.revision_conflict",
        f"{state.actor} changed it meanwhile: {state.phase.value.replace('_', ' ')} at "
        f"{to_percent(state.basis_points)} %, revision {state.revision}, not {expected}",
        "Look again (capctl rollout show), then decide anew.",
    )


def next_step(state: RolloutState) -> tuple[int, Step] | None:
    """The plan's first step above the present percentage, with its index; None when there is none."""
    for index, step in enumerate(state.plan.steps):
        if step.basis_points > state.basis_points:
            return index, step
    return None


def current_step(state: RolloutState) -> Step:
    """The step whose limits apply: the plan's own, or where it was set by hand the last one below it."""
    if state.step_index >= 0:
        return state.plan.steps[state.step_index]
    return [step for step in state.plan.steps if step.basis_points <= state.basis_points][-1]


def start(
    previous: RolloutState | None,
    *,
    policy_id: str,
    plan: RolloutPlan,
    candidate_ir_hash: str | None,
    salt: bytes,
    bucket_version: int,
    actor: str,
    reason: str,
    at: datetime,
) -> RolloutState:
    """Begin a plan at its first step, 0 %. Nothing is enforced there, so a new salt moves nobody's bucket."""
    require_possible(previous, Action.START)
    revision = previous.revision + 1 if previous else 1
    return RolloutState(
        policy_id=policy_id,
        revision=revision,
        phase=Phase.SHADOW,
        plan=plan,
        step_index=0,
        basis_points=0,
        step_id=_step_id(salt, revision),
        step_started_at=at,
        salt=salt,
        bucket_version=bucket_version,
        candidate_ir_hash=candidate_ir_hash,
        actor=actor,
        reason=as_reason(reason),
        changed_at=at,
    )


def promote(
    state: RolloutState, *, actor: str, reason: str, at: datetime, break_glass: BreakGlass | None = None
) -> RolloutState:
    """Go to the plan's next step. `break_glass` is given when it passes a gate that is not open."""
    require_possible(state, Action.PROMOTE)
    following = next_step(state)
    if following is None:
        raise Held(
            "rollout.complete",
            f"The plan ends at {to_percent(state.basis_points)} %: there is no next step",
            "Set a percentage, or start a new plan.",
        )
    return _move(state, following[1].basis_points, actor=actor, reason=reason, at=at, break_glass=break_glass)


def set_percentage(
    state: RolloutState,
    basis_points: int,
    *,
    actor: str,
    reason: str,
    at: datetime,
    break_glass: BreakGlass | None = None,
) -> RolloutState:
    """Go to any other percentage. Going down needs nothing and ends a break-glass that it takes back."""
    require_possible(state, Action.SET)
    if not 0 <= basis_points <= FULL:
        raise InvalidInput(
            "rollout.percent_range", f"{to_percent(basis_points)} % is not within 0..100", "Write 0 to 100."
        )
    rising = basis_points > state.basis_points
    if rising and state.phase is Phase.PAUSED:
        raise Held("rollout.paused", "The rollout is paused: it may go down, not up", "Resume it first.")
    if not rising:
        glass = state.break_glass
        break_glass = glass if glass and basis_points > glass.return_to_basis_points else None
    return _move(state, basis_points, actor=actor, reason=reason, at=at, break_glass=break_glass)


def pause(state: RolloutState, *, actor: str, reason: str, at: datetime) -> RolloutState:
    """Hold enforcement where it is. What is measured stays the same."""
    require_possible(state, Action.PAUSE)
    return _touch(state, phase=Phase.PAUSED, actor=actor, reason=reason, at=at)


def resume(state: RolloutState, *, actor: str, reason: str, at: datetime) -> RolloutState:
    """Go on from a pause."""
    require_possible(state, Action.RESUME)
    return _touch(state, phase=_phase(state.basis_points), actor=actor, reason=reason, at=at)


def roll_back(state: RolloutState, *, actor: str, reason: str, at: datetime) -> RolloutState:
    """Back to 0 %, from anywhere."""
    require_possible(state, Action.ROLLBACK)
    back = _move(state, 0, actor=actor, reason=reason, at=at, break_glass=None)
    return replace(back, phase=Phase.ROLLED_BACK)


def swap_candidate(
    state: RolloutState, candidate_ir_hash: str | None, *, actor: str, reason: str, at: datetime
) -> RolloutState:
    """Put another policy version under the rollout, at the same percentage, with evidence of its own."""
    require_possible(state, Action.CANDIDATE)
    touched = _touch(state, phase=state.phase, actor=actor, reason=reason, at=at)
    return _with_new_evidence(replace(touched, candidate_ir_hash=candidate_ir_hash), at)


def expire(state: RolloutState, *, gate_open: bool, actor: str, reason: str, at: datetime) -> RolloutState:
    """End a break-glass: stay where the gate has opened meanwhile, else go back to where it began."""
    require_possible(state, Action.EXPIRE)
    glass = state.break_glass
    if glass is None:
        raise Held("rollout.no_break_glass", "There is no break-glass to end", "Nothing needs to be done.")
    if gate_open or glass.return_to_basis_points >= state.basis_points:
        return replace(_touch(state, phase=state.phase, actor=actor, reason=reason, at=at), break_glass=None)
    return _move(state, glass.return_to_basis_points, actor=actor, reason=reason, at=at, break_glass=None)


def _phase(basis_points: int) -> Phase:
    if basis_points == 0:
        return Phase.SHADOW
    return Phase.FULL if basis_points == FULL else Phase.CANARY


def _touch(state: RolloutState, *, phase: Phase, actor: str, reason: str, at: datetime) -> RolloutState:
    """The next revision, with nothing changed but the phase."""
    return replace(
        state, revision=state.revision + 1, phase=phase, actor=actor, reason=as_reason(reason), changed_at=at
    )


def _move(
    state: RolloutState, basis_points: int, *, actor: str, reason: str, at: datetime, break_glass: BreakGlass | None
) -> RolloutState:
    """The next revision at a percentage. A pause survives it; so does the evidence where the percentage stays."""
    phase = Phase.PAUSED if state.phase is Phase.PAUSED else _phase(basis_points)
    touched = _touch(state, phase=phase, actor=actor, reason=reason, at=at)
    moved = replace(
        touched,
        basis_points=basis_points,
        step_index=_index_of(state.plan, basis_points),
        break_glass=break_glass,
    )
    return moved if basis_points == state.basis_points else _with_new_evidence(moved, at)


def _index_of(plan: RolloutPlan, basis_points: int) -> int:
    return next((i for i, step in enumerate(plan.steps) if step.basis_points == basis_points), -1)


def _with_new_evidence(state: RolloutState, at: datetime) -> RolloutState:
    return replace(state, step_id=_step_id(state.salt, state.revision), step_started_at=at)


def _step_id(salt: bytes, revision: int) -> str:
    """A name that no other step of this or any other rollout has, even after a store was lost and begun anew."""
    return hmac.digest(salt, b"step|%d" % revision, "sha256").hex()[:16]
