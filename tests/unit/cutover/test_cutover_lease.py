"""Two people at one cutover: the second sees the first, may take over from silence, and then drives alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.clock import ManualClock
from engine.context import Progress
from engine.cutover.plan import StepState
from engine.errors import Conflict
from engine.ops.cutover_kept import latest
from engine.ops.cutover_lease import DOUBTFUL_S, STALE_S, fenced, held_lease
from engine.ops.cutover_steps import Outcome, Work
from tests.unit.cutover.evening_world import ENV, POLICY, STEPS, EveningWorld, good, states


def set_back(clock: ManualClock, hours: float) -> None:
    """Set the wall clock back; the monotonic one goes on."""
    monotonic_s = clock.monotonic()
    clock.advance(-hours * 3600)
    clock._monotonic = monotonic_s


class TestTheSecondPerson:
    def test_is_told_who_drives_at_what_and_since_when(self, evening_world: EveningWorld) -> None:
        second = evening_world.console("second")
        with held_lease(evening_world.ctx) as lease:
            lease.at("canary")
            evening_world.clock.advance(3)

            def a_beat_later(seconds: float) -> None:
                evening_world.clock.advance(seconds)
                lease.at("canary")

            evening_world.clock.advance(9)
            with pytest.raises(Conflict) as refusal, held_lease(second, sleep=a_beat_later):
                pass
        assert refusal.value.code == "cutover.occupied"
        assert refusal.value.message.startswith("oncall is running step canary since")

    def test_may_take_over_once_the_beat_stood_still(self, evening_world: EveningWorld) -> None:
        second, began = evening_world.console("second"), evening_world.clock.monotonic()
        with held_lease(evening_world.ctx), held_lease(second, sleep=evening_world.clock.advance):
            held = second.store.cutover_lease(ENV)
            assert held is not None
            assert second.store.actor_name(held.actor) == "second"
            assert evening_world.clock.monotonic() - began >= STALE_S

    @pytest.mark.parametrize("hours", [-1.0, 1.0, 48.0])
    def test_no_clock_that_is_set_makes_anybody_silent_or_alive(
        self, evening_world: EveningWorld, hours: float
    ) -> None:
        """It is the beat that is watched, never a time: as long as it goes on, nobody takes over."""
        second = evening_world.console("second")
        with held_lease(evening_world.ctx) as lease:
            lease.at("smoke")
            set_back(evening_world.clock, hours)
            with pytest.raises(Conflict), held_lease(second, sleep=lambda _: lease.at("smoke")):
                pass
            lease.require()

    def test_a_lease_that_was_given_back_is_free_at_once(self, evening_world: EveningWorld) -> None:
        began = evening_world.clock.monotonic()
        with held_lease(evening_world.ctx):
            pass
        with held_lease(evening_world.console("second"), sleep=evening_world.clock.advance):
            assert evening_world.clock.monotonic() == began

    def test_of_two_who_watched_only_one_gets_it(self, evening_world: EveningWorld) -> None:
        """Both saw the same beat stand still; the registry gives it to the first."""
        second, lead = evening_world.console("second"), evening_world.console("lead")

        def while_another_takes_it(seconds: float) -> None:
            evening_world.clock.advance(seconds)
            if evening_world.clock.monotonic() >= STALE_S:
                evening_world.take_over(lead)

        with (
            held_lease(evening_world.ctx),
            pytest.raises(Conflict) as refusal,
            held_lease(second, sleep=while_another_takes_it),
        ):
            pass
        assert refusal.value.message.startswith("lead is running step smoke")


class TestWhoeverLostIt:
    def test_stops_at_the_next_word_and_changes_nothing_more(self, evening_world: EveningWorld) -> None:
        """A driver that was suspended in a step wakes up: the other one drives by now."""
        second, after = evening_world.console("second"), []

        def suspended(work: Work) -> Outcome:
            evening_world.take_over(second)
            before = second.store.audit_head()
            for attempt in (
                lambda: work.ctx.emit(Progress("canary", 1)),
                lambda: work.ctx.store.rollout(POLICY),
                lambda: work.run("rollout.start", policy=POLICY),
            ):
                with pytest.raises(Conflict):
                    attempt()
                after.append(second.store.audit_head() == before)
            return Outcome(StepState.DONE, "as if nothing had happened")

        evening_world.acts["canary"] = suspended
        with pytest.raises(Conflict) as stop:
            evening_world.run()
        assert (stop.value.code, stop.value.message) == ("cutover.taken_over", "second has taken over")
        assert after == [True, True, True]
        assert states(latest(second))["canary"] is StepState.RUNNING
        assert second.store.rollout(POLICY) is None

    def test_does_not_take_the_others_lease_with_it(self, evening_world: EveningWorld) -> None:
        second = evening_world.console("second")

        def suspended(work: Work) -> Outcome:
            evening_world.take_over(second)
            return good(work)

        evening_world.acts["canary"] = suspended
        with pytest.raises(Conflict):
            evening_world.run()
        held = second.store.cutover_lease(ENV)
        assert held is not None
        assert held.holder == "0badc0de"

    def test_cannot_go_on_while_the_other_finishes(self, evening_world: EveningWorld) -> None:
        """Every step is ended once, by whoever took over."""
        second = evening_world.console("second")

        def suspended(work: Work) -> Outcome:
            evening_world.acts["canary"] = good
            lease = evening_world.take_over(second)
            second.store.release_cutover_lease(lease)
            assert evening_world.resume(second).answer == "yes"
            return good(work)

        evening_world.acts["canary"] = suspended
        with pytest.raises(Conflict):
            evening_world.run()
        evening = latest(second)
        assert evening is not None
        assert {second.store.actor_name(step.actor) for step in evening.steps[4:]} == {"second"}
        assert evening_world.carried_out == dict.fromkeys(STEPS, 1) | {"canary": 2}

    def test_promotes_nothing_that_the_other_has_promoted(self, evening_world: EveningWorld) -> None:
        """It looked at the gate, fell asleep, and wakes up at 25 %: its promotion must not become one to 100 %."""
        from engine.ops.cutover_steps import _promote, _start

        ctx = evening_world.ctx
        evening_world.acts["enforce-0"] = _start
        evening_world.run(headless=False)
        evening_world.resume(go=True, headless=False)
        evening, state = latest(ctx), ctx.store.rollout(POLICY)
        assert evening is not None
        assert state is not None
        work = Work(ctx, evening, "", 1.0)
        work.run("rollout.promote", policy=POLICY, reason="test", break_glass=True)
        with pytest.raises(Conflict):
            _promote(work, state.revision, "the gate was open")
        now = ctx.store.rollout(POLICY)
        assert now is not None
        assert now.basis_points == 2500


def test_a_holder_who_was_away_looks_before_it_goes_on(evening_world: EveningWorld) -> None:
    """Below half the time after which others take over it relies on its lease; from then on it beats first."""
    with held_lease(evening_world.ctx) as lease:
        ctx = fenced(evening_world.ctx, lease)
        evening_world.clock.advance(DOUBTFUL_S + 1)
        ctx.store.policies()
        held = evening_world.ctx.store.cutover_lease(ENV)
        assert held is not None
        assert (held.beat, held.at) == (1, evening_world.clock.now())
        evening_world.clock.advance(DOUBTFUL_S - 1)
        ctx.store.policies()
        held = evening_world.ctx.store.cutover_lease(ENV)
        assert held is not None
        assert evening_world.clock.now() - held.at == timedelta(seconds=DOUBTFUL_S - 1)
