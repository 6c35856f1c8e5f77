"""The automatic hand does what must be done, once, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.rollout.state import Phase, RolloutState
from engine.rollout.steward import STEWARD, Steward
from tests.samples.stored import make_ir
from tests.unit.rollout.conftest import PLAN, POLICY, World

AUTO = replace(PLAN, auto=True)


def look(world: World) -> list[RolloutState]:
    return Steward(world.service).look()


def test_an_automatic_plan_goes_up_by_itself_on_evidence(world: World) -> None:
    """0, 25, 100, each on its own evidence and after its own hold time."""
    world.start(AUTO)
    path = []
    for _ in range(4):
        assert look(world) == [], "no evidence on this step yet"
        world.measure()
        path += [state.basis_points for state in look(world)]
    assert path == [2500, 10_000]
    assert world.state.actor == STEWARD


def test_a_plan_that_did_not_say_auto_waits_for_a_person(world: World) -> None:
    """However open the gate."""
    world.start()
    world.measure()
    assert look(world) == []


def test_drift_rolls_back_whether_or_not_the_plan_is_automatic(world: World) -> None:
    """And the reason names the numbers and the rules."""
    world.canary()
    world.measure(100, drift=20, rules=("R1", "R2"))
    [state] = look(world)
    assert (state.phase, state.basis_points, state.actor) == (Phase.ROLLED_BACK, 0, STEWARD)
    assert state.reason == "20 of 100 enforced requests drifted (20 %), the limit is 1 %: R1, R2"
    assert look(world) == []


def test_a_paused_rollout_is_rolled_back_too(world: World) -> None:
    """A pause holds promotions, not safety."""
    world.canary()
    world.service.pause(POLICY, actor="anna")
    world.measure(100, drift=20)
    assert [state.phase for state in look(world)] == [Phase.ROLLED_BACK]


def test_a_paused_automatic_plan_stays_where_it_is(world: World) -> None:
    """Until somebody resumes it."""
    world.start(AUTO)
    world.service.pause(POLICY, actor="anna")
    world.measure()
    assert look(world) == []
    world.service.resume(POLICY, actor="anna")
    assert [state.basis_points for state in look(world)] == [2500]


def test_drift_at_zero_percent_rolls_nothing_back(world: World) -> None:
    """There is nothing to take back; the gate is closed and that is all."""
    world.start(AUTO)
    world.measure(500, drift=100)
    assert look(world) == []


def test_server_errors_roll_back(world: World) -> None:
    """A KPI that breaks is as good a reason as drift, and no rule is blamed for it."""
    world.canary()
    world.measure(449, errors=20, rules=("R1",))
    [state] = look(world)
    assert (state.phase, state.reason) == (Phase.ROLLED_BACK, "20 of 449 answers were 5xx, limit 1 %")


def test_break_glass_ends_after_an_hour_where_the_gate_did_not_open(world: World) -> None:
    """Not a second earlier, and back to where it came from."""
    world.start()
    world.service.promote(POLICY, actor="anna", reason="urgent", break_glass=True)
    world.clock.advance(3599)
    assert look(world) == []
    world.clock.advance(1)
    [state] = look(world)
    assert (state.basis_points, state.break_glass, state.actor) == (0, None, STEWARD)


def test_break_glass_ends_quietly_when_the_gate_opens(world: World) -> None:
    """The percentage stays: it has been proven meanwhile."""
    world.start()
    world.service.promote(POLICY, actor="anna", reason="urgent", break_glass=True)
    world.measure()
    [state] = look(world)
    assert (state.basis_points, state.break_glass) == (2500, None)


def test_break_glass_does_not_switch_the_rollback_off(world: World) -> None:
    """It passed a gate once; what drifts afterwards goes back as always."""
    world.start()
    world.service.promote(POLICY, actor="anna", reason="urgent", break_glass=True)
    world.measure(100, drift=20)
    assert [state.phase for state in look(world)] == [Phase.ROLLED_BACK]


@pytest.mark.parametrize("obstacle", [{"env": "prod"}, {"freeze": ("2020-01-01/2030-01-01",)}, {"freeze": ("?",)}])
def test_what_a_person_may_not_do_the_steward_may_not_either(world: World, obstacle: dict[str, object]) -> None:
    """Unsigned, frozen, or unreadable: it waits without a fuss."""
    world.start(AUTO)
    world.measure()
    assert look(world.with_settings(**obstacle)) == []
    assert world.state.revision == 1


def test_two_stewards_act_once(world: World) -> None:
    """The second one's look is out of date: harmless."""
    world.start(AUTO)
    world.measure()
    service = world.service
    stale = list(service.assess_all())
    assert len(look(world)) == 1
    service.assess_all = lambda: iter(stale)  # type: ignore[method-assign]
    assert Steward(service).look() == []
    assert world.state.revision == 2


def test_a_drifting_candidate_is_gone_again_by_itself(world: World) -> None:
    """The demonstration's story: inject at 25 %, drift, back at 0 %."""
    world.canary()
    world.service.inject_candidate(POLICY, make_ir(minimum=9), actor="anna")
    assert look(world) == []
    world.measure(60, drift=6)
    assert [state.phase for state in look(world)] == [Phase.ROLLED_BACK]


def test_a_clock_set_back_does_not_prolong_break_glass(world: World) -> None:
    """An hour is an hour: a time before it began is past its end."""
    world.start()
    world.service.promote(POLICY, actor="anna", reason="outage", break_glass=True)
    assert look(world) == []
    world.clock.advance(-86_400)
    [state] = look(world)
    assert (state.basis_points, state.break_glass) == (0, None)
