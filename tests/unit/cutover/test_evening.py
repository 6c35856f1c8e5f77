"""Driving an evening: the whole plan, every way in which a step does not end well, and whoever goes on with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.canonical import canonical_json
from engine.context import EngineContext, Progress
from engine.cutover.plan import Phase, StepState
from engine.errors import Held, InvalidInput, NotFound, Refused, Unavailable
from engine.ops.catalogue import REGISTRY
from engine.ops.cutover_kept import latest
from engine.ops.cutover_steps import ACTS, Outcome, Work, _enforce
from engine.ops.run import run
from tests.samples.stored import make_event
from tests.unit.cutover.evening_world import ENV, POLICY, STEPS, EveningWorld, ends, raises, states

GOES = ["deploy", "enforce-25", "enforce-100", "sign-off"]
"""The steps before which a person says go."""


class TestTheWholePlan:
    def test_every_step_once_in_order(self, evening_world: EveningWorld) -> None:
        shown = evening_world.run()
        assert set(states(shown.evening).values()) == {StepState.DONE}
        assert dict(evening_world.carried_out) == dict.fromkeys(STEPS, 1)
        assert evening_world.told() == ["begin", *(step for step in STEPS for _ in range(2))]
        assert shown.answer == "yes"
        assert shown.evening is not None
        assert (shown.evening.phase, shown.lease) == (Phase.DONE, None)

    def test_its_record_is_written(self, evening_world: EveningWorld) -> None:
        """Under the cutover's own name, and again by whoever goes on where it was not."""
        shown = evening_world.run()
        assert shown.evening is not None
        record = evening_world.ctx.settings.state_dir / "cutover" / shown.record
        assert shown.evening.id in shown.record
        record.unlink()
        assert evening_world.resume().record == shown.record
        assert record.exists()
        assert set(evening_world.carried_out.values()) == {1}

    def test_the_load_is_put_on_while_a_share_is_enforced(self) -> None:
        place = STEPS.index("load")
        assert STEPS[place - 1 : place + 2] == ("enforce-25", "load", "enforce-100")

    def test_each_go_is_a_persons(self, evening_world: EveningWorld) -> None:
        """Without --headless it stops before what callers notice, and says who let it go on."""
        stops = [evening_world.run(headless=False)]
        second = evening_world.console("second")
        while stops[-1].answer == "hold":
            stops.append(evening_world.resume(second, go=True, headless=False))
        waited = [shown.evening.current for shown in stops if shown.evening]
        assert [step.id for step in waited if step] == GOES
        done = stops[-1].evening
        assert done is not None
        said = {done.step(step).go for step in GOES}
        assert {evening_world.ctx.store.actor_name(actor) for actor in said} == {"second"}

    def test_going_on_without_a_go_says_none(self, evening_world: EveningWorld) -> None:
        evening_world.run(headless=False)
        shown = evening_world.resume(headless=False)
        assert shown.next_step.startswith("capctl cutover resume --go")
        assert evening_world.carried_out["deploy"] == 0

    def test_a_second_one_waits_for_the_first_to_end(self, evening_world: EveningWorld) -> None:
        evening_world.run(headless=False)
        with pytest.raises(Held) as refusal:
            evening_world.run(headless=False)
        assert refusal.value.code == "cutover.open"
        evening_world.resume()
        assert evening_world.run().answer == "yes"


class TestAStepThatDoesNotEndWell:
    @pytest.mark.parametrize("state", [StepState.FAILED, StepState.HELD])
    def test_stops_the_evening(self, evening_world: EveningWorld, state: StepState) -> None:
        """Nothing after it is begun; a no answers 3, a hold 4."""
        evening_world.acts["canary"] = ends(state, "1 of 4,881 answers was 5xx")
        shown = evening_world.run()
        assert states(shown.evening)["canary"] is state
        assert shown.answer == {StepState.FAILED: "no", StepState.HELD: "hold"}[state]
        assert evening_world.carried_out["enforce-0"] == 0
        assert shown.evening is not None
        assert shown.evening.step("canary").evidence == "1 of 4,881 answers was 5xx"
        assert shown.way_back == f"capctl cutover rollback --env {ENV}"

    @pytest.mark.parametrize(
        ("error", "state"),
        [
            (Refused("x.no", "The gate is closed", "Look."), StepState.FAILED),
            (InvalidInput("x.bad", "The chart has no values", "Write them."), StepState.FAILED),
            (Held("x.held", "A freeze is on", "Wait."), StepState.HELD),
            (Unavailable("x.gone", "Nobody answers", "Start it."), StepState.HELD),
        ],
    )
    def test_an_error_is_its_evidence(self, evening_world: EveningWorld, error: Exception, state: StepState) -> None:
        """What is known to be wrong is told in the plan; it never ends the command with a stack."""
        evening_world.acts["smoke"] = raises(error)
        shown = evening_world.run()
        assert shown.evening is not None
        assert shown.evening.step("smoke").state is state
        assert str(error) in shown.evening.step("smoke").evidence

    def test_is_tried_again_by_whoever_goes_on(self, evening_world: EveningWorld) -> None:
        evening_world.acts["canary"] = ends(StepState.FAILED, "p95 over the limit")
        evening_world.run()
        del evening_world.acts["canary"]
        shown = evening_world.resume(evening_world.console("second"))
        assert shown.answer == "yes"
        assert shown.evening is not None
        assert shown.evening.step("canary").attempts == 2
        assert evening_world.carried_out["deploy"] == 1

    def test_wants_a_new_go_where_it_wanted_one(self, evening_world: EveningWorld) -> None:
        """Somebody has to look before it is deployed again."""
        evening_world.acts["deploy"] = ends(StepState.FAILED, "not ready within 10 min")
        evening_world.run(headless=False)
        shown = evening_world.resume(go=True, headless=False)
        assert shown.evening is not None
        assert shown.evening.step("deploy").go == ""
        assert evening_world.resume(headless=False).next_step.startswith("capctl cutover resume --go")

    @pytest.mark.parametrize("step", STEPS)
    def test_its_way_back_is_named(self, evening_world: EveningWorld, step: str) -> None:
        """From every step: one command that stops enforcing, and where something was deployed one that undoes that."""
        evening_world.acts[step] = ends(StepState.FAILED, "no")
        document = evening_world.run().to_json()
        told = {each["id"]: each["way_back"] for each in document["cutover"]["steps"]}
        assert document["way_back"] == f"capctl cutover rollback --env {ENV}"
        changed = STEPS.index(step) >= STEPS.index("deploy") and step != "enforce-0"
        assert bool(told[step]) is changed


class TestAnInterruption:
    def test_is_gone_on_with_where_it_stood(self, evening_world: EveningWorld) -> None:
        """On another machine, by somebody else: what was done is not done again, and each step says who did it."""
        evening_world.acts["canary"] = raises(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            evening_world.run()
        second = evening_world.console("second")
        evening = latest(second)
        assert states(evening)["canary"] is StepState.RUNNING
        del evening_world.acts["canary"]
        shown = evening_world.resume(second)
        assert shown.answer == "yes"
        assert shown.evening is not None
        names = {step.id: shown.names[step.actor] for step in shown.evening.steps}
        assert (names["smoke"], names["canary"], names["sign-off"]) == ("oncall", "second", "second")
        assert dict(evening_world.carried_out) == dict.fromkeys(STEPS, 1) | {"canary": 2}

    def test_leaves_the_lease_free(self, evening_world: EveningWorld) -> None:
        evening_world.acts["canary"] = raises(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            evening_world.run()
        assert evening_world.ctx.store.cutover_lease(ENV) is None

    def test_a_deployment_remembers_what_was_there_before(self, evening_world: EveningWorld) -> None:
        """The revision before the first attempt decides whether there was one; later looks must not replace it."""
        evening_world.acts["deploy"] = raises(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            evening_world.run()
        evening = latest(evening_world.ctx)
        assert evening is not None
        assert (evening.step("deploy").baseline, evening.step("deploy").attempts) == (7, 1)


class TestAPlanThatChanged:
    def test_shares_that_it_was_not_begun_for_are_not_enforced(self, evening_world: EveningWorld) -> None:
        """A rollout that somebody started over with another plan is not promoted step by step as if it were ours."""
        ctx = evening_world.ctx
        evening_world.acts["enforce-25"] = _enforce

        def start_another(work: Work) -> Outcome:
            plan = evening_world.ctx.settings.state_dir / "plan.yaml"
            plan.write_text("steps: [{percent: 0}, {percent: 10}, {percent: 100}]\n", "utf-8")
            run(REGISTRY["rollout.start"], ctx, policy=POLICY, plan=str(plan))
            return Outcome(StepState.DONE, "started")

        evening_world.acts["enforce-0"] = start_another
        shown = evening_world.run()
        assert shown.evening is not None
        step = shown.evening.step("enforce-25")
        assert (step.state, "0, 10, 100 %" in step.evidence) == (StepState.FAILED, True)

    def test_the_shares_are_those_of_the_last_rollout(self, evening_world: EveningWorld) -> None:
        plan = evening_world.ctx.settings.state_dir / "plan.yaml"
        plan.write_text("steps: [{percent: 0}, {percent: 5}, {percent: 50}, {percent: 100}]\n", "utf-8")
        run(REGISTRY["rollout.start"], evening_world.ctx, policy=POLICY, plan=str(plan))
        run(REGISTRY["rollout.rollback"], evening_world.ctx, policy=POLICY)
        shown = evening_world.run(headless=False)
        assert shown.evening is not None
        assert shown.evening.percents == ("0", "5", "50", "100")

    def test_one_of_another_release_is_refused(self, evening_world: EveningWorld) -> None:
        evening_world.run(headless=False)
        ctx, stored = evening_world.ctx, evening_world.ctx.store.cutover(ENV)
        assert stored is not None
        foreign = replace(stored, revision=stored.revision + 1, document=canonical_json({"format": "later/v9"}))
        event = make_event("cutover.step")
        ctx.store.commit_cutover(foreign, expected_revision=stored.revision, audit=event, at=evening_world.clock.now())
        with pytest.raises(InvalidInput) as refusal:
            evening_world.resume()
        assert refusal.value.code == "cutover.unreadable"


class TestRefusals:
    def test_nothing_to_go_on_with(self, evening_world: EveningWorld) -> None:
        with pytest.raises(NotFound):
            evening_world.resume()

    def test_nobody_says_every_go_in_production(self, evening_world: EveningWorld) -> None:
        production = evening_world.console("oncall", env="prod")
        with pytest.raises(Held) as refusal:
            evening_world.run(production)
        assert refusal.value.code == "cutover.headless_production"
        assert production.store.cutover("prod") is None

    @pytest.mark.parametrize("patience", ["soon", "-1s", ""])
    def test_an_impossible_time_begins_nothing(self, evening_world: EveningWorld, patience: str) -> None:
        with pytest.raises(InvalidInput):
            evening_world.run(patience=patience)
        assert latest(evening_world.ctx) is None
        assert evening_world.ctx.store.cutover_lease(ENV) is None


def test_progress_tells_each_step_and_what_it_came_to(evening_world: EveningWorld) -> None:
    told: list[Progress] = []
    evening_world.run(replace_emit(evening_world.ctx, told))
    assert [progress.step for progress in told] == [step for step in STEPS for _ in range(2)]
    assert told[1].output == "done: proof of preflight"
    assert {progress.total for progress in told} == {len(STEPS)}


def test_every_step_of_a_plan_has_something_that_does_it() -> None:
    assert set(STEPS) <= {*ACTS, "enforce-25", "enforce-100"}


def replace_emit(ctx: EngineContext, told: list[Progress]) -> EngineContext:
    """The same console, whose progress is kept."""
    return replace(ctx, emit=told.append, open_store=lambda: ctx.store)


@pytest.mark.parametrize(
    ("canary_s", "told", "load_s"),
    [
        (900, "", 60),
        (3600, "", 60),
        (899, "1:1, canary 899 s for 15 min", 60),
        (10, "1:90, canary 10 s for 15 min", 10),
        (1, "1:900, canary 1 s for 15 min", 6),
    ],
)
def test_what_is_shorter_than_in_production_is_said(
    evening_world: EveningWorld, canary_s: int, told: str, load_s: int
) -> None:
    """Never silently; and a load is no shorter than it takes to say something."""
    evening = evening_world.run().evening
    assert evening is not None
    changed = replace(evening, canary_s=canary_s)
    assert (changed.shortened, changed.load_s) == (told, load_s)
