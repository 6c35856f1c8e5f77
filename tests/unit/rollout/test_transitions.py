"""The state machine: whatever is done in whatever order, a rollout stays one that makes sense."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.errors import Held, InvalidInput
from engine.ids import hash_bytes
from engine.rollout import transitions
from engine.rollout.codec import from_json, to_json
from engine.rollout.plan import plan_of_percents
from engine.rollout.state import FULL, BreakGlass, Phase, RolloutState
from engine.rollout.transitions import MAX_REASON, POSSIBLE, Action, as_reason

AT = datetime(2026, 1, 1, tzinfo=UTC)
WORD = {"actor": "anna", "reason": "because", "at": AT}


def started(previous: RolloutState | None = None, *, plan: str = "0,25,100", salt: bytes = b"s" * 32) -> RolloutState:
    return transitions.start(
        previous,
        policy_id="p",
        plan=plan_of_percents(plan),
        candidate_ir_hash=None,
        salt=salt,
        bucket_version=1,
        **WORD,
    )


def at_phase(phase: Phase) -> RolloutState:
    """A rollout in a phase, reached the ordinary way."""
    shadow = started()
    canary = transitions.promote(shadow, **WORD)
    return {
        Phase.SHADOW: shadow,
        Phase.CANARY: canary,
        Phase.FULL: transitions.promote(canary, **WORD),
        Phase.PAUSED: transitions.pause(canary, **WORD),
        Phase.ROLLED_BACK: transitions.roll_back(canary, **WORD),
    }[phase]


ATTEMPTS: dict[Action, Callable[[RolloutState], RolloutState]] = {
    Action.START: started,
    Action.PROMOTE: lambda s: transitions.promote(s, **WORD),
    Action.SET: lambda s: transitions.set_percentage(s, 100, **WORD),
    Action.PAUSE: lambda s: transitions.pause(s, **WORD),
    Action.RESUME: lambda s: transitions.resume(s, **WORD),
    Action.ROLLBACK: lambda s: transitions.roll_back(s, **WORD),
    Action.CANDIDATE: lambda s: transitions.swap_candidate(s, None, **WORD),
    Action.EXPIRE: lambda s: transitions.expire(
        replace(s, break_glass=BreakGlass("r", "anna", AT, 0)), gate_open=False, **WORD
    ),
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("phase", Phase)
def test_a_phase_allows_exactly_what_the_table_says(phase: Phase, action: Action) -> None:
    """And what it does not allow is held with a hint at what is possible now."""
    state = at_phase(phase)
    if action in POSSIBLE[phase]:
        assert ATTEMPTS[action](state).revision == state.revision + 1
        return
    with pytest.raises(Held) as held:
        ATTEMPTS[action](state)
    assert held.value.code == "rollout.not_possible"
    assert "Possible now: " in held.value.hint


def test_a_rollout_can_go_back_from_every_phase() -> None:
    """Rolling back is always possible."""
    assert all(Action.ROLLBACK in possible for phase, possible in POSSIBLE.items() if phase is not None)


def test_the_way_up_and_back() -> None:
    """0, 25, 100 and back: phases, indices and percentages."""
    path = [started()]
    path += [transitions.promote(path[-1], **WORD)]
    path += [transitions.promote(path[-1], **WORD)]
    path += [transitions.roll_back(path[-1], **WORD)]
    seen = [(s.phase.value, s.step_index, s.basis_points, s.revision) for s in path]
    assert seen == [("shadow", 0, 0, 1), ("canary", 1, 2500, 2), ("full", 2, 10_000, 3), ("rolled_back", 0, 0, 4)]


def test_the_end_of_a_plan_holds() -> None:
    """A plan that ends at 50 % has no next step, and says so."""
    top = transitions.promote(started(plan="0,50"), **WORD)
    assert top.phase is Phase.CANARY
    with pytest.raises(Held, match="ends at 50 %"):
        transitions.promote(top, **WORD)


def test_set_beside_the_plan_keeps_the_limits_of_the_step_below() -> None:
    """10 % lies between 0 and 25: the limits are those of 0, and the next step is 25."""
    beside = transitions.set_percentage(started(), 1000, **WORD)
    assert beside.step_index == -1
    assert transitions.current_step(beside) == beside.plan.steps[0]
    assert transitions.promote(beside, **WORD).basis_points == 2500
    assert transitions.set_percentage(beside, 2500, **WORD).step_index == 1


def test_a_paused_rollout_may_be_lowered_but_not_raised() -> None:
    """And stays paused."""
    paused = at_phase(Phase.PAUSED)
    lower = transitions.set_percentage(paused, 500, **WORD)
    assert (lower.phase, lower.basis_points) == (Phase.PAUSED, 500)
    with pytest.raises(Held, match="paused"):
        transitions.set_percentage(paused, 5000, **WORD)


@pytest.mark.parametrize("basis_points", [-1, 10_001])
def test_an_impossible_percentage_is_refused(basis_points: int) -> None:
    """Also where it does not come through the parser."""
    with pytest.raises(InvalidInput):
        transitions.set_percentage(started(), basis_points, **WORD)


def test_no_two_steps_share_their_evidence() -> None:
    """Not in one rollout, and not after a lost store began counting revisions anew."""
    first = started(salt=b"a" * 32)
    others = [
        started(salt=b"b" * 32),
        transitions.promote(first, **WORD),
        started(first, salt=b"c" * 32),
        transitions.promote(transitions.swap_candidate(first, None, **WORD), **WORD),
    ]
    assert len({state.step_id for state in (first, *others)}) == 5


def broken_in() -> RolloutState:
    """At 25 % behind a gate that was not open."""
    glass = BreakGlass("urgent", "anna", AT + timedelta(minutes=60), 0)
    return transitions.promote(started(), break_glass=glass, **WORD)


def test_expired_break_glass_goes_back_to_where_it_began() -> None:
    """Unless the gate has opened, which makes it an ordinary step."""
    back = transitions.expire(broken_in(), gate_open=False, **WORD)
    assert (back.basis_points, back.phase, back.break_glass) == (0, Phase.SHADOW, None)
    stay = transitions.expire(broken_in(), gate_open=True, **WORD)
    assert (stay.basis_points, stay.break_glass, stay.step_id) == (2500, None, broken_in().step_id)


def test_break_glass_stays_loud_until_it_is_taken_back() -> None:
    """A pause, a swap or a smaller step down does not silence it; returning does."""
    state = broken_in()
    assert transitions.pause(state, **WORD).break_glass
    assert transitions.swap_candidate(state, None, **WORD).break_glass
    assert transitions.set_percentage(state, 1000, **WORD).break_glass
    assert transitions.set_percentage(state, 0, **WORD).break_glass is None
    assert transitions.roll_back(state, **WORD).break_glass is None


def test_ending_a_break_glass_that_is_not_there_is_held() -> None:
    """Two stewards end it once."""
    with pytest.raises(Held, match="no break-glass"):
        transitions.expire(started(), gate_open=False, **WORD)


percentages = st.integers(0, FULL) | st.sampled_from([0, 2500, FULL])


class Rollouts(RuleBasedStateMachine):
    """Any sequence of attempts, allowed or not."""

    def __init__(self) -> None:
        super().__init__()
        self.state: RolloutState | None = None
        self.before: RolloutState | None = None
        self.at = AT

    def attempt(self, move: Callable[[RolloutState], RolloutState], *, may_rise: bool = False) -> None:
        self.at += timedelta(seconds=1)
        assert self.state is not None
        try:
            made = move(self.state)
        except Held:
            return
        assert may_rise or made.basis_points <= self.state.basis_points, "only what passes the gate may rise"
        self.before, self.state = self.state, made

    @property
    def word(self) -> dict[str, object]:
        return {"actor": "anna", "reason": "r", "at": self.at}

    @rule(plan=st.sampled_from(["0,25,100", "0,1,5,50", "0"]), salt=st.binary(min_size=32, max_size=32))
    def start(self, plan: str, salt: bytes) -> None:
        self.at += timedelta(seconds=1)
        try:
            made = transitions.start(
                self.state, policy_id="p", plan=plan_of_percents(plan), candidate_ir_hash=None, salt=salt,
                bucket_version=1, **self.word,
            )  # fmt: skip
        except Held:
            return
        self.before, self.state = self.state, made

    @precondition(lambda self: self.state)
    @rule(glass=st.booleans())
    def promote(self, glass: bool) -> None:
        self.attempt(
            lambda s: transitions.promote(s, break_glass=self.glass(s) if glass else None, **self.word), may_rise=True
        )

    @precondition(lambda self: self.state)
    @rule(basis_points=percentages, glass=st.booleans())
    def set(self, basis_points: int, glass: bool) -> None:
        self.attempt(
            lambda s: transitions.set_percentage(
                s, basis_points, break_glass=self.glass(s) if glass else None, **self.word
            ),
            may_rise=True,
        )

    @precondition(lambda self: self.state)
    @rule()
    def pause(self) -> None:
        self.attempt(lambda s: transitions.pause(s, **self.word))

    @precondition(lambda self: self.state)
    @rule()
    def resume(self) -> None:
        self.attempt(lambda s: transitions.resume(s, **self.word))

    @precondition(lambda self: self.state)
    @rule()
    def roll_back(self) -> None:
        self.attempt(lambda s: transitions.roll_back(s, **self.word))

    @precondition(lambda self: self.state)
    @rule(content=st.binary(max_size=2))
    def swap(self, content: bytes) -> None:
        self.attempt(lambda s: transitions.swap_candidate(s, hash_bytes(content), **self.word))

    @precondition(lambda self: self.state)
    @rule(gate_open=st.booleans())
    def expire(self, gate_open: bool) -> None:
        self.attempt(lambda s: transitions.expire(s, gate_open=gate_open, **self.word))

    def glass(self, state: RolloutState) -> BreakGlass:
        earlier = state.break_glass
        return BreakGlass("r", "anna", self.at, earlier.return_to_basis_points if earlier else state.basis_points)

    @invariant()
    def phase_agrees_with_percentage(self) -> None:
        if self.state is None:
            return
        percent = self.state.basis_points
        assert {
            Phase.SHADOW: percent == 0,
            Phase.ROLLED_BACK: percent == 0,
            Phase.CANARY: 0 < percent < FULL,
            Phase.FULL: percent == FULL,
            Phase.PAUSED: 0 <= percent <= FULL,
        }[self.state.phase]

    @invariant()
    def step_index_is_the_plan_s(self) -> None:
        if self.state is None:
            return
        steps, index = self.state.plan.steps, self.state.step_index
        beside = all(step.basis_points != self.state.basis_points for step in steps)
        assert (index == -1) if beside else (steps[index].basis_points == self.state.basis_points)
        assert transitions.current_step(self.state).basis_points <= self.state.basis_points

    @invariant()
    def revision_rises_by_one(self) -> None:
        if self.state is not None and self.before is not None and self.before is not self.state:
            assert self.state.revision == self.before.revision + 1

    @invariant()
    def evidence_is_renamed_exactly_when_what_is_measured_changes(self) -> None:
        if self.state is None or self.before is None:
            return
        measured = [(s.basis_points, s.salt, s.plan) for s in (self.before, self.state)]
        if measured[0] != measured[1]:
            assert self.state.step_id != self.before.step_id
            assert self.state.step_started_at == self.state.changed_at
        elif self.state.step_id == self.before.step_id:
            assert self.state.candidate_ir_hash == self.before.candidate_ir_hash
            assert self.state.step_started_at == self.before.step_started_at

    @invariant()
    def break_glass_only_above_where_it_returns_to(self) -> None:
        if self.state is not None and self.state.break_glass is not None:
            assert self.state.basis_points > self.state.break_glass.return_to_basis_points

    @invariant()
    def it_can_be_stored(self) -> None:
        if self.state is not None:
            assert from_json(json.loads(json.dumps(to_json(self.state)))) == self.state


Rollouts.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnySequenceOfAttempts = Rollouts.TestCase


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "two\nlines", "x" * 100_000, "\u202eevil", "\x9b31m"])
def test_a_reason_is_kept_as_one_line_of_bounded_length(text: str) -> None:
    """Clipped and never refused: rolling back must not fail on words, nor must a word drive somebody's terminal."""
    kept = as_reason(text)
    assert kept.isprintable()
    assert 0 < len(kept) <= MAX_REASON
