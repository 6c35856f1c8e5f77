"""Every change passes here: the gate, authority, conflicts and the audit record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.audit import verify_chain
from engine.drift.gate import Answer
from engine.drift.sample import ReplicaSample
from engine.errors import Conflict, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.ids import hash_bytes, hash_json
from engine.ports import RolloutChange
from engine.rollout.codec import to_json
from engine.rollout.look import take_snapshot
from engine.rollout.service import RolloutService
from engine.rollout.state import Phase
from tests.samples.stored import make_ir
from tests.unit.rollout.conftest import PLAN, POLICY, CountingBytes, World


def test_starts_at_zero_without_a_gate(world: World) -> None:
    """Nothing is enforced yet, so nothing needs to be proven."""
    state = world.start()
    assert (state.phase, state.basis_points, state.revision) == (Phase.SHADOW, 0, 1)
    assert len(state.salt) == 32


def test_a_policy_that_is_not_published_has_no_rollout(world: World) -> None:
    """Nor a gate."""
    with pytest.raises(NotFound):
        world.service.start("unknown", PLAN, actor="anna")
    with pytest.raises(NotFound):
        world.service.gate("unknown")


def test_a_candidate_must_be_stored(world: World) -> None:
    """A rollout never names an IR that nobody can evaluate."""
    with pytest.raises(NotFound):
        world.service.start(POLICY, PLAN, actor="anna", candidate_ir_hash=hash_bytes(b"nothing"))
    assert world.store.rollout(POLICY) is None


def test_goes_up_through_an_open_gate(world: World) -> None:
    """0, 25, 100 on evidence of each step's own."""
    world.canary()
    assert world.service.gate(POLICY).answer is Answer.HOLD, "the step before is no evidence for this one"
    world.measure()
    assert world.service.promote(POLICY, actor="anna").phase is Phase.FULL


@pytest.mark.parametrize("how", ["promote", "set"])
def test_a_gate_that_holds_stops_whoever_asks(world: World, how: str) -> None:
    """One request too few: held, and nothing changed."""
    world.start()
    world.measure(448)
    with pytest.raises(Held) as held:
        world.service.promote(POLICY, actor="anna") if how == "promote" else world.service.set_percent(
            POLICY, 1000, actor="anna"
        )
    assert held.value.code == "rollout.gate_hold"
    assert "1 more clean ones needed" in held.value.message
    assert world.state.revision == 1


def test_a_closed_gate_refuses(world: World) -> None:
    """The answer is no, with its reason."""
    world.start()
    world.measure(449, drift=40)
    with pytest.raises(Refused) as refused:
        world.service.promote(POLICY, actor="anna")
    assert refused.value.code == "rollout.gate_closed"
    assert "40 of 449 requests would have drifted" in refused.value.message


def test_a_silent_verifier_holds(world: World) -> None:
    """Evidence a minute and a second old opens nothing."""
    world.start()
    world.measure()
    world.clock.advance(60.5)
    with pytest.raises(Held):
        world.service.promote(POLICY, actor="anna")


def test_break_glass_passes_with_a_reason_and_for_an_hour(world: World) -> None:
    """It says who, why, until when and back to where."""
    world.start()
    state = world.service.promote(POLICY, actor="anna", reason="court order", break_glass=True)
    assert state.basis_points == 2500
    glass = state.break_glass
    assert glass is not None
    assert (glass.reason, glass.actor, glass.return_to_basis_points) == ("court order", "anna", 0)
    assert glass.until == world.clock.now() + timedelta(minutes=60)
    assert world.store.rollout_history(POLICY)[0].evidence["break_glass"] is True


def test_break_glass_without_a_reason_is_refused(world: World) -> None:
    """White space is none."""
    world.start()
    with pytest.raises(InvalidInput) as refused:
        world.service.promote(POLICY, actor="anna", reason="  ", break_glass=True)
    assert refused.value.code == "rollout.reason_needed"


def test_break_glass_on_an_open_gate_breaks_nothing(world: World) -> None:
    """There is nothing loud about a promotion that the gate allows."""
    world.start()
    world.measure()
    assert world.service.promote(POLICY, actor="anna", reason="just in case", break_glass=True).break_glass is None


def test_a_second_break_glass_returns_to_where_the_gate_was_last_open(world: World) -> None:
    """Not to the first one's percentage, which no gate ever allowed."""
    world.start()
    world.service.promote(POLICY, actor="anna", reason="now", break_glass=True)
    state = world.service.promote(POLICY, actor="anna", reason="more", break_glass=True)
    assert state.break_glass is not None
    assert (state.basis_points, state.break_glass.return_to_basis_points) == (10_000, 0)


def test_down_needs_nothing(world: World) -> None:
    """No evidence, no gate, in production, in a freeze."""
    world.canary()
    frozen = world.with_settings(env="prod", freeze=("2020-01-01/2030-01-01",))
    assert frozen.service.set_percent(POLICY, 1000, actor="anna").basis_points == 1000
    assert frozen.service.rollback(POLICY, actor="anna").phase is Phase.ROLLED_BACK


def test_asking_for_what_is_already_so_changes_nothing(world: World) -> None:
    """A script that runs twice leaves one transition."""
    world.canary()
    world.service.set_percent(POLICY, 2500, actor="anna")
    assert world.state.revision == 2
    world.service.pause(POLICY, actor="anna")
    world.service.pause(POLICY, actor="anna")
    assert world.state.revision == 3
    world.service.rollback(POLICY, actor="anna")
    world.service.rollback(POLICY, actor="bert")
    assert (world.state.revision, world.state.actor) == (4, "anna")


def test_the_second_of_two_operators_gets_a_conflict_that_says_what_changed(world: World) -> None:
    """Not a lost update."""
    seen = world.canary().revision
    world.service.pause(POLICY, actor="bert")
    with pytest.raises(Conflict, match="bert changed it meanwhile: paused at 25 %, revision 3, not 2"):
        world.service.resume(POLICY, actor="anna", expected_revision=seen)


class InterruptedStore:
    """A store in which somebody else acts just before each of our commits, a few times."""

    def __init__(self, world: World, others: int) -> None:
        self._store = world.store
        self._world = world
        self.others = others

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def commit_rollout(self, change: RolloutChange, **arguments: object) -> None:
        if self.others:
            self.others -= 1
            self._world.service.inject_candidate(POLICY, make_ir(POLICY, minimum=self.others + 2), actor="bert")
        self._store.commit_rollout(change, **arguments)


def test_rollback_wins_over_a_promotion_in_flight(world: World) -> None:
    """Three colleagues are faster, and it rolls back all the same."""
    world.canary()
    store = InterruptedStore(world, others=3)
    service = RolloutService(store, world.clock, world.settings, CountingBytes())
    assert service.rollback(POLICY, actor="anna").revision == 6
    assert (world.state.phase, world.state.actor) == (Phase.ROLLED_BACK, "anna")


def test_a_rollback_that_expects_a_revision_does_not_insist(world: World) -> None:
    """The steward's evidence was about another state than the one that is there now."""
    revision = world.canary().revision
    service = RolloutService(InterruptedStore(world, others=1), world.clock, world.settings, CountingBytes())
    with pytest.raises(Conflict):
        service.rollback(POLICY, actor="steward", expected_revision=revision)
    assert world.state.phase is Phase.CANARY


def test_a_step_down_never_becomes_a_step_up(world: World) -> None:
    """Who lowers to 10 % while a colleague rolls back must not raise from 0 without a gate."""
    world.canary()
    service = world.service

    class RolledBackMeanwhile(InterruptedStore):
        def commit_rollout(self, change: RolloutChange, **arguments: object) -> None:
            if self.others:
                self.others -= 1
                service.set_percent(POLICY, 0, actor="bert")
            self._store.commit_rollout(change, **arguments)

    ours = RolloutService(RolledBackMeanwhile(world, others=1), world.clock, world.settings, CountingBytes())
    with pytest.raises(Conflict, match="bert changed the rollout to 0 %"):
        ours.set_percent(POLICY, 1000, actor="anna")
    assert world.state.basis_points == 0


class Signed:
    """A readiness review that somebody signed."""

    def objections(self, env: str, policy_id: str, at: datetime) -> Sequence[str]:
        return () if (env, policy_id) == ("prod", POLICY) else ("it is another one",)


def test_production_goes_up_only_when_signed(world: World) -> None:
    """Where nobody can say whether it is signed, it is not; break-glass does not sign."""
    world.start()
    world.measure()
    production = world.with_settings(env="prod").service
    for break_glass in (False, True):
        with pytest.raises(Held) as held:
            production.promote(POLICY, actor="anna", reason="now", break_glass=break_glass)
        assert held.value.code == "rollout.not_signed"


def test_production_goes_to_100_percent_only_with_a_second_person(world: World) -> None:
    """The approver is not the operator, however the name is spelt, and is in the evidence as a pseudonym."""
    world.canary()
    world.measure()
    settings = world.with_settings(env="prod").settings
    service = RolloutService(world.store, world.clock, settings, CountingBytes(), readiness=Signed())
    for approver in ("", " ", "anna", " Anna "):
        with pytest.raises(Held) as held:
            service.promote(POLICY, actor="anna", approver=approver)
        assert held.value.code == "rollout.second_person"
    assert service.promote(POLICY, actor="anna", approver="bert").phase is Phase.FULL
    assert world.store.rollout_history(POLICY)[0].evidence["approver"] == world.store.pseudonym("bert")


def test_a_freeze_holds_promotions(world: World) -> None:
    """Inside its window, and not outside it."""
    world.start()
    world.measure()
    now = world.clock.now()
    window = f"{now.isoformat()}/{(now + timedelta(hours=1)).isoformat()}"
    with pytest.raises(Held) as held:
        world.with_settings(freeze=(window,)).service.promote(POLICY, actor="anna")
    assert held.value.code == "rollout.frozen"
    over = f"{(now - timedelta(hours=1)).isoformat()}/{now.isoformat()}"
    assert world.with_settings(freeze=(over,)).service.promote(POLICY, actor="anna").basis_points == 2500


@pytest.mark.parametrize("window", ["", "tomorrow", "2026-01-02/2026-01-01", "2026-01-01T00:00:00/2026-02-01"])
def test_a_freeze_that_cannot_be_read_promotes_nothing(world: World, window: str) -> None:
    """Nobody knows whether it is on."""
    world.start()
    world.measure()
    with pytest.raises(InvalidInput, match="freeze window"):
        world.with_settings(freeze=(window,)).service.promote(POLICY, actor="anna")


def test_a_candidate_is_swapped_with_evidence_of_its_own(world: World) -> None:
    """And stored, so that every verifier can evaluate it."""
    before = world.canary()
    candidate = make_ir("p.v1-drift", minimum=9)
    state = world.service.inject_candidate(POLICY, candidate, actor="anna")
    assert (state.basis_points, state.candidate_ir_hash) == (2500, candidate.ir_hash)
    assert state.step_id != before.step_id
    assert world.store.ir(candidate.ir_hash) == candidate


def test_no_candidate_is_swapped_in_production(world: World) -> None:
    """There a new candidate begins at 0 %."""
    world.canary()
    with pytest.raises(Refused):
        world.with_settings(env="prod").service.inject_candidate(POLICY, make_ir(minimum=9), actor="anna")


def test_every_change_is_audited_with_its_evidence(world: World) -> None:
    """Who as a pseudonym, why as a hash, on which evidence, in one unbroken chain."""
    world.start()
    world.measure()
    world.service.promote(POLICY, actor="anna", reason="looks good")
    [change, *_] = world.store.rollout_history(POLICY)
    [record, *_] = world.store.audit_tail()
    event = record.event
    assert (event.action, event.outcome, event.object, event.revision) == ("rollout.promote", "done", POLICY, 2)
    assert event.actor == world.store.pseudonym("anna")
    assert event.reason == hash_bytes(b"looks good")
    assert event.evidence == hash_json({"evidence": change.evidence, "state": to_json(change.state)})
    assert change.evidence["answer"] == "open"
    assert b"anna" not in b"".join(world.store.audit_lines())
    assert list(verify_chain(world.store.audit_lines())) == []


def test_a_rollback_carries_the_evidence_of_its_moment(world: World) -> None:
    """Afterwards one can see what the gate said when somebody went back."""
    world.canary()
    world.measure(100, drift=30)
    world.service.rollback(POLICY, actor="anna", reason="too much")
    assert world.store.rollout_history(POLICY)[0].evidence["rollback_due"] is True


class UnreadableEvidence:
    """A store in which a replica of another release reports what nobody here understands."""

    def __init__(self, world: World) -> None:
        self._store = world.store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def evidence(self, policy_id: str) -> list[ReplicaSample]:
        raise Unavailable("registry.evidence_unreadable", f"A replica's report about {policy_id} cannot be read")


def test_evidence_that_cannot_be_read_stops_a_promotion_but_no_rollback(world: World) -> None:
    """Fail-closed forward, and backward never in the way."""
    world.canary()
    world.measure()
    service = RolloutService(UnreadableEvidence(world), world.clock, world.settings, CountingBytes())
    with pytest.raises(Unavailable):
        service.promote(POLICY, actor="anna")
    assert service.rollback(POLICY, actor="anna").phase is Phase.ROLLED_BACK
    assert world.store.rollout_history(POLICY)[0].evidence == {"unreadable": "registry.evidence_unreadable"}


def test_evidence_that_cannot_be_read_is_a_hold_on_the_screen(world: World) -> None:
    """The rest of the picture stays, and says what is wrong."""
    world.canary()
    store = UnreadableEvidence(world)
    service = RolloutService(store, world.clock, world.settings, CountingBytes())
    seen = take_snapshot(store, service, world.clock, POLICY)
    assert seen.gate is not None
    assert seen.gate.answer is Answer.HOLD
    assert seen.rollout == world.state
    assert seen.problems[0] == "A replica's report about p.v1 cannot be read"


@pytest.mark.parametrize("limit", [{"enforce_rollout_percent": 10.0}, {"enforce_enabled": False}])
def test_no_promotion_goes_beyond_what_the_environment_may_enforce(world: World, limit: dict[str, Any]) -> None:
    """Neither with an open gate nor with break-glass; what is enforced already may still be taken back."""
    world.canary()
    world.measure()
    limited = world.with_settings(**limit).service
    for break_glass in (False, True):
        with pytest.raises(Refused) as refused:
            limited.promote(POLICY, actor="oncall", reason="now", break_glass=break_glass)
        assert refused.value.code == "rollout.ceiling"
    assert limited.rollback(POLICY, actor="oncall").basis_points == 0
