"""The Cutover screen as the person on call meets it: on a real registry, with steps whose outcome the test decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.modals.step import StepDialog
from capctl.tui.widgets.cutover_steps import CutoverSteps
from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext, Progress
from engine.cutover.plan import StepState
from engine.demo.seed import furnish
from engine.ops import cutover_steps, deploying, evening
from engine.ops.catalogue import REGISTRY
from engine.ops.cutover_steps import Outcome, Work
from engine.ops.run import run
from engine.ports import CutoverLease
from engine.settings import Settings
from tests.tui import cutover_scenes, scenes
from tests.tui.conftest import Opened, text_of, toasts

Open = Callable[..., Opened]
Patch = pytest.MonkeyPatch
Act = Callable[[Work], Outcome]
SIZES = [(80, 24), (160, 45)]


class World:
    """A registry, two people with a console each, and an evening whose steps come to what the test says."""

    def __init__(self, folder: Path, monkeypatch: Patch) -> None:
        self._settings = replace(Settings(), env="dev", state_dir=folder / "state", poll_interval_s=5.0)
        self._opened: list[EngineContext] = []
        self.clock = ManualClock(scenes.NOW)
        self.ctx = self.console("oncall")
        furnish(self.ctx)
        self.acts: dict[str, Act] = dict.fromkeys(cutover_scenes.STEPS, self._good)
        self.acts["enforce-0"] = cutover_steps.ACTS["enforce-0"]
        self.acts["enforce-25"] = enforce
        for step in cutover_scenes.STEPS:
            monkeypatch.setitem(cutover_steps.ACTS, step, self._act)
        monkeypatch.setattr(deploying, "open_target", lambda ctx, name: SimpleNamespace(status=self._release))

    def console(self, actor: str) -> EngineContext:
        """A console of its own on the same registry."""
        ctx = open_context(self._settings, actor=actor, clock=self.clock)
        self._opened.append(ctx)
        return ctx

    def evening(self) -> Any:
        """The plan as it is kept."""
        return evening.show(self.ctx).evening

    def state(self, step: str) -> StepState:
        """Where a step stands."""
        found: StepState = self.evening().step(step).state
        return found

    def held_by(self, actor: str, step: str) -> None:
        """Let somebody else work on it."""
        now = self.clock.now()
        lease = CutoverLease("dev", "0badc0de", self.ctx.store.pseudonym(actor), step, now, 1, now)
        assert self.ctx.store.take_cutover_lease(lease, instead_of=None)

    def close(self) -> None:
        """Close what was opened."""
        for ctx in self._opened:
            ctx.close()

    def _act(self, work: Work) -> Outcome:
        step = work.evening.current
        assert step is not None
        return self.acts[step.id](work)

    @staticmethod
    def _good(work: Work) -> Outcome:
        step = work.evening.current
        assert step is not None
        return Outcome(StepState.DONE, f"proof of {step.id}")

    @staticmethod
    def _release() -> SimpleNamespace:
        return SimpleNamespace(revision=1)


def enforce(work: Work) -> Outcome:
    """Enforce a quarter without waiting for evidence."""
    work.run("rollout.promote", policy=work.evening.policy_id, reason="test", break_glass=True)
    return Outcome(StepState.DONE, "25 % is enforced")


def ends(state: StepState, evidence: str) -> Act:
    """A step that comes to this."""
    return lambda work: Outcome(state, evidence)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: Patch) -> Iterator[World]:
    made = World(tmp_path, monkeypatch)
    yield made
    made.close()


async def settled(pilot: Pilot[None]) -> None:
    """Let messages arrive that were caused by messages."""
    for _ in range(8):
        await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def sampled(ctx: EngineContext) -> Callable[[], Any]:
    """What the console itself samples: the rollout as it is in the registry."""
    return lambda: run(REGISTRY["status.show"], ctx)


async def test_a_whole_evening_with_one_key_at_80x24(opened: Open, world: World) -> None:
    """g, y where it asks; between two questions it works by itself, and at the end it says where the record is."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7")
        assert "·  NOT BEGUN" in text_of(app)
        assert "g begins one" in text_of(app)
        await press(pilot, "g", "y")
        assert "?  WAITING FOR YOU" in text_of(app)
        assert "Deploy: go or no-go? g asks" in text_of(app)
        await press(pilot, "g", "y")
        assert "Enforce 25 %: go or no-go?" in text_of(app)
        assert "proof of smoke" in text_of(app)
        await press(pilot, "g", "y", "g", "y")
        assert "Sign-off: go or no-go?" in text_of(app)
        await press(pilot, "g", "y")
        assert "○  DONE" in text_of(app)
        assert "All 12 steps done, signed off by oncall" in text_of(app)
        assert f"evening-{world.evening().id}.html" in text_of(app)


async def test_no_go_changes_nothing(opened: Open, world: World) -> None:
    """The question names what is needed and the way back; n and Enter leave everything as it is."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "g", "y", "g")
        assert "Deploy: go or no-go in dev?" in text_of(app)
        assert "Then it goes on" in text_of(app)
        assert re.search(r"n is\s.*no-go: everything stays as it is", text_of(app), re.DOTALL)
        await press(pilot, "n", "g", "enter")
        assert world.state("deploy") is StepState.WAITING
        assert "?  WAITING FOR YOU" in text_of(app)


@pytest.mark.parametrize("size", SIZES)
async def test_a_failed_step_stops_the_evening_and_can_be_tried_again(
    opened: Open, world: World, size: tuple[int, int]
) -> None:
    """Why it failed stands large; nothing after it is begun; g begins it again, and what was done stays done."""
    world.acts["canary"] = ends(StepState.FAILED, "1 of 4,881 answers was 5xx")
    async with opened(sampled(world.ctx), ctx=world.ctx, size=size) as (app, pilot):
        await press(pilot, "7", "g", "y", "g", "y")
        shown = text_of(app)
        assert "Failed at Canary by oncall" in shown
        assert "1 of 4,881 answers was 5xx" in shown
        assert "■ FAILED" in shown
        assert world.state("enforce-0") is StepState.WAITING
        world.acts["canary"] = ends(StepState.DONE, "clean")
        await press(pilot, "g", "y")
        assert world.state("canary") is StepState.DONE
        assert world.evening().step("deploy").attempts == 1
        assert "Enforce 25 %: go or no-go?" in text_of(app)


async def test_a_step_that_is_held_wants_a_new_go(opened: Open, world: World) -> None:
    """A gate that had no answer for too long: somebody looks, and says go again."""
    world.acts["enforce-25"] = ends(StepState.HELD, "the gate holds for 600 s")
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "g", "y", "g", "y", "g", "y")
        assert "Held at Enforce 25 %" in text_of(app)
        assert "The gate holds for 600 s" in text_of(app)
        await press(pilot, "g")
        assert "Enforce 25 %: go or no-go in dev?" in text_of(app)


async def test_who_comes_later_goes_on_where_somebody_was_cut_off(opened: Open, world: World) -> None:
    """Another engineer on another console: the step at which it stopped, who was at it, and g goes on."""

    def killed(work: Work) -> Outcome:
        raise KeyboardInterrupt

    world.acts["smoke"] = killed
    with pytest.raises(KeyboardInterrupt):
        run(REGISTRY["cutover.run"], world.ctx, headless=True)
    world.acts["smoke"] = ends(StepState.DONE, "12 of 12 checks are good")
    second = world.console("second")
    async with opened(sampled(second), ctx=second) as (app, pilot):
        await press(pilot, "7")
        assert "Cut off at Smoke by oncall" in text_of(app)
        assert "‖ CUT OFF" in text_of(app)
        await press(pilot, "g", "y")
        assert world.state("smoke") is StepState.DONE
        assert world.evening().step("preflight").attempts == 1
        assert "Enforce 25 %: go or no-go?" in text_of(app)


async def test_two_people_see_each_other_and_one_drives(opened: Open, world: World) -> None:
    """While a colleague works on it this console only looks; silent for long enough, it offers to take over."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "g", "y")
        world.held_by("second", "deploy")
        world.clock.advance(3)
        app.look_again()
        await press(pilot, "g")
        assert "RUNNING 3 of 12" in text_of(app)
        assert "second is at Deploy for 3 s" in text_of(app)
        assert "second drives, heard 3 s ago" in text_of(app)
        assert not isinstance(app.screen, ConfirmDialog)
        assert any("g is free once they stop" in toast for toast in toasts(app))
        world.clock.advance(9)
        app.look_again()
        await press(pilot, "g")
        assert isinstance(app.screen, ConfirmDialog)
        await press(pilot, "escape")
        assert "second is silent for 12 s: g takes over" in text_of(app)


@pytest.mark.parametrize("dialog", [(), ("g",), ("enter",)], ids=["screen", "question", "step"])
async def test_rolling_back_is_one_key_and_one_confirmation(
    opened: Open, world: World, dialog: tuple[str, ...]
) -> None:
    """From the screen and from whatever lies over it: nothing is enforced, and the plan ends."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "g", "y", "g", "y", "g", "y")
        rollout = world.ctx.store.rollout("lksg.v1")
        assert rollout is not None
        assert rollout.basis_points == 2500
        await press(pilot, *dialog, "b")
        assert "Roll back in dev: 25 % → 0 %?" in text_of(app)
        assert "The cutover ends" in text_of(app)
        await press(pilot, "y")
        rollout = world.ctx.store.rollout("lksg.v1")
        assert rollout is not None
        assert rollout.basis_points == 0
        assert "■  ROLLED BACK" in text_of(app)
        assert "To take it back: capctl deploy rollback" in text_of(app)


async def test_rolling_back_works_while_a_colleague_drives(opened: Open, world: World) -> None:
    """Safety waits for no lease."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "g", "y", "g", "y", "g", "y")
        world.held_by("second", "enforce-100")
        app.look_again()
        await press(pilot, "b")
        assert "second is at Enforce 100 %" in text_of(app)
        await press(pilot, "y")
        rollout = world.ctx.store.rollout("lksg.v1")
        assert rollout is not None
        assert rollout.basis_points == 0


async def test_with_nothing_to_take_back_the_key_says_so(opened: Open, world: World) -> None:
    """No cutover, no rollout."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "b")
        assert not isinstance(app.screen, ConfirmDialog)
        assert any("There is nothing to roll back" in toast for toast in toasts(app))


async def test_the_record_is_written_at_any_time(opened: Open, world: World, tmp_path: Path) -> None:
    """It needs no question, and it is said where; before the first cutover there is nothing to tell."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "w")
        assert any("nothing to tell" in toast for toast in toasts(app))
        await press(pilot, "g", "y", "w")
        path = tmp_path / "state" / "cutover" / f"evening-{world.evening().id}-so-far.html"
        assert path.read_text().startswith("<!doctype html>")
        assert any(str(path) in toast for toast in toasts(app))


async def test_the_evidence_of_a_step_is_looked_at(opened: Open, world: World) -> None:
    """Arrows choose, Enter shows everything, Escape follows the present step again."""
    async with opened(sampled(world.ctx), ctx=world.ctx) as (app, pilot):
        await press(pilot, "7", "g", "y", "g", "y", "up", "up", "enter")
        assert isinstance(app.screen, StepDialog)
        shown = text_of(app)
        assert "Step 5 of 12: Canary" in shown
        assert "proof of canary" in shown
        assert "capctl canary watch" in shown
        await press(pilot, "escape")
        steps = app.screen.query_one(CutoverSteps)
        assert steps.chosen(app.state).kind.id == "canary"  # type: ignore[union-attr]
        await press(pilot, "escape")
        assert steps.chosen(app.state).kind.id == "enforce-25"  # type: ignore[union-attr]
        await pilot.click(CutoverSteps, offset=(12, 3))
        await settled(pilot)
        assert steps.chosen(app.state).kind.id == "deploy"  # type: ignore[union-attr]


async def test_a_read_only_console_only_looks(opened: Open, world: World) -> None:
    """Everything is shown, nothing is done."""
    run(REGISTRY["cutover.run"], world.ctx)
    async with opened(sampled(world.ctx), ctx=replace(world.ctx, read_only=True)) as (app, pilot):
        await press(pilot, "7", "g", "b", "w")
        assert sum("read-only" in toast for toast in toasts(app)) == 3
        assert "Deploy: go or no-go?" in text_of(app)
        assert world.state("deploy") is StepState.WAITING


async def test_what_happens_right_now_stands_in_its_step(opened: Open, monkeypatch: Patch) -> None:
    """Progress of the step under way: as a bar in its line, and in words beside the answer."""
    cutover_scenes.seen(monkeypatch, cutover_scenes.here)
    async with opened(scenes.hold) as (app, pilot):
        await press(pilot, "7")
        cutover_scenes.begin(app, *cutover_scenes.CANARY)
        await settled(pilot)
        shown = text_of(app)
        assert "RUNNING 5 of 12" in shown
        assert "Canary: 312 of 900 s clean" in shown
        assert "━ 312 of 900" not in shown
        assert "─ 312 of 900" in shown
        assert "oncall drives here" in shown
        app.post_message(cutover_scenes.told(Progress("enforce-25", 7, 12, output="enforce-25 ...")))
        app.post_message(cutover_scenes.told(Progress("enforce-25", 12, None, "489 more clean ones needed")))
        await press(pilot, "g")
        assert "Enforce 25 %: waiting for the gate, 12 s" in text_of(app)
        assert "489 more clean ones needed" in text_of(app)
        assert any("It is under way" in toast for toast in toasts(app))


async def test_the_end_of_a_step_is_called_out_on_other_screens(opened: Open, monkeypatch: Patch) -> None:
    """Whoever looks at the gate meanwhile hears that the cutover waits; the Cutover screen itself says it anyway."""
    cutover_scenes.seen(monkeypatch, cutover_scenes.here)
    async with opened(scenes.hold) as (app, pilot):
        await press(pilot, "7")
        cutover_scenes.begin(app, *cutover_scenes.CANARY)
        await press(pilot, "1")
        cutover_scenes.end(app, cutover_scenes.waiting())
        await settled(pilot)
        assert any("Enforce 25 % waits for you" in toast for toast in toasts(app))


async def test_a_registry_that_is_silent_makes_the_screen_stale(opened: Open, monkeypatch: Patch) -> None:
    """The word STALE and the reason replace the answer; the steps say that they are as last known."""
    cutover_scenes.seen_once(monkeypatch, cutover_scenes.waiting)
    ctx = scenes.context()
    async with opened(scenes.hold, ctx=ctx) as (app, pilot):
        await press(pilot, "7")
        ctx.clock.advance(16)  # type: ignore[attr-defined]
        app.look_again()
        await settled(pilot)
        shown = text_of(app)
        assert "?  STALE" in shown
        assert "The store is locked by another program" in shown
        assert "last known" in shown
        assert "WAITING FOR YOU" not in shown
        assert "who drives is not known" in shown
        await press(pilot, "g")
        assert any("too old to go on" in toast for toast in toasts(app))
        await press(pilot, "b")
        assert isinstance(app.screen, ConfirmDialog)


async def test_production_wants_its_name_and_a_second_person(opened: Open, monkeypatch: Patch) -> None:
    """A go in production is typed, and the last share names who approves it; n is still enough for no."""
    cutover_scenes.seen(monkeypatch, lambda: cutover_scenes.look(cutover_scenes.evening(8, env="prod")))
    ran: list[dict[str, Any]] = []
    monkeypatch.setattr("capctl.tui.runner.run", lambda op, ctx, **arguments: ran.append(arguments))
    async with opened(scenes.hold, ctx=scenes.context(env="prod")) as (app, pilot):
        await press(pilot, "7", "g")
        assert "Enforce 100 %: go or no-go in PRODUCTION?" in text_of(app)
        await pilot.press(*"second", "tab", *"prod", "tab", "y")
        assert ran == [{"go": True, "approver": "second"}]
