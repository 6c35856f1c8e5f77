"""The Deploy screen as somebody meets it who has to deploy tonight: what runs, what would change, and the way back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from capctl.tui.app import ControlRoom
from capctl.tui.deploy import plan_run, running
from capctl.tui.messages import Call, OperationFailed
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.runner import Runner
from capctl.tui.widgets.deploy_plot import fitted, plot
from engine.clock import SystemClock
from engine.context import Progress
from engine.cutover.local.target import LocalTarget
from engine.errors import EngineError
from engine.ops.catalogue import REGISTRY
from engine.ops.results.deploy_look import DeployLook
from tests.tui import deploy_scenes, scenes
from tests.tui.conftest import Opened, text_of, toasts
from tests.tui.trust_world import World, press, settled

Open = Callable[..., Opened]


STATES: dict[str, tuple[Callable[[], DeployLook], tuple[str, ...]]] = {
    "nothing": (deploy_scenes.nothing, ("·  NOT DEPLOYED", "g plans", "was never deployed there")),
    "untried": (deploy_scenes.look, ("…  UNTRIED", "0 of 3 checks passed so far: g smoke-tests it", "20 % of the req")),
    "healthy": (deploy_scenes.healthy, ("○  HEALTHY", "clean for 15 min", "20/s, p95 34 ms, 0 of 1,200 failed")),
    "smoke-failed": (
        deploy_scenes.smoke_failed,
        ("■  SMOKE FAILED", "readyz: expected 200", "u goes back to revision 3"),
    ),
    "pending": (deploy_scenes.pending, ("■  PENDING", "g goes back to revision 4", "pending-upgrade")),
    "unreachable": (deploy_scenes.unreachable, ("?  UNREACHABLE", "No cluster answers", "last known 95 s ago")),
}


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
@pytest.mark.parametrize("state", STATES)
async def test_one_look_says_where_it_stands_and_what_leads_on(
    opened: Open, monkeypatch: pytest.MonkeyPatch, state: str, size: tuple[int, int]
) -> None:
    """In either size, without scrolling."""
    moment, words = STATES[state]
    deploy_scenes.seen(monkeypatch, moment)
    async with opened(scenes.hold, size=size) as (app, pilot):
        await press(pilot, "3")
        shown = text_of(app).replace(" ", "")  # a badge that has room spaces its letters
        assert [word for word in words if word.replace(" ", "") not in shown] == []


async def test_nothing_is_deployed_that_was_not_planned(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key explains itself; after a plan it asks, and the call is held to the plan's revision."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.look)
    async with opened(scenes.hold, ctx=scenes.context(env="stage")) as (app, pilot):
        await press(pilot, "3", "a")
        assert any("p plans first" in toast for toast in toasts(app))
        deploy_scenes.carry_out(app, "deploy.plan", ())
        await settled(pilot)
        assert "?  PLANNED" in text_of(app)
        assert "helm upgrade --install cap helm/" in text_of(app)
        await press(pilot, "g")
        assert isinstance(app.screen, ConfirmDialog)
        assert "--if-revision 4" in text_of(app)
        assert "goes back to revision 4 by itself" in text_of(app)
        await press(pilot, "enter")
        assert not isinstance(app.screen, ConfirmDialog)
        assert running(app.state, "deploy.apply") is None


async def test_a_plan_for_a_release_that_somebody_changed_counts_for_nothing(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is still shown, and deploys nothing."""
    history = (deploy_scenes.revision(5, "deployed", minutes_ago=1), *deploy_scenes.status().history)
    deploy_scenes.seen(monkeypatch, lambda: deploy_scenes.look(status=deploy_scenes.status(history=history)))
    async with opened(scenes.hold) as (app, pilot):
        await press(pilot, "3")
        deploy_scenes.carry_out(app, "deploy.plan", ())
        await settled(pilot)
        assert plan_run(app.state) is not None
        await press(pilot, "a")
        assert any("p plans first" in toast for toast in toasts(app))


async def test_production_is_typed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the command line; and it is deployed to its cluster only."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.look)
    async with opened(scenes.hold, ctx=scenes.context(env="prod")) as (app, pilot):
        await press(pilot, "3")
        deploy_scenes.carry_out(app, "deploy.plan", ())
        await settled(pilot)
        await press(pilot, "a")
        assert "Type prod to go on" in text_of(app)
        await press(pilot, "enter")
        assert isinstance(app.screen, ConfirmDialog)
        await press(pilot, "escape", "o")
        assert any("to its cluster only" in toast for toast in toasts(app))


async def test_what_helm_says_and_every_resource_are_seen_while_it_deploys(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command, its lines, and how much of each resource is ready; then what became of it."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.look)
    async with opened(scenes.hold) as (app, pilot):
        await press(pilot, "3")
        deploy_scenes.carry_out(app, "deploy.apply", deploy_scenes.APPLYING, ends=False)
        await settled(pilot)
        shown = text_of(app)
        assert "…  DEPLOYING" in shown
        assert "$ helm upgrade --install cap" in shown
        assert "Happy Helming" in shown
        assert "2/3" in shown
        await press(pilot, "u")
        assert any("is being changed" in toast for toast in toasts(app))
        app.post_message(OperationFailed(1, app.state.activities[0].call, deploy_scenes.ROLLED_BACK))
        await settled(pilot)
        assert "■  ROLLED BACK" in text_of(app)
        assert "image cannot be pulled" in text_of(app)


async def test_the_way_back_goes_to_the_revision_that_was_chosen_if_it_ever_served(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a choice to the one before; never to one that failed."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.look)
    async with opened(scenes.hold) as (app, pilot):
        await press(pilot, "3", "u")
        assert "Go back to revision 3" in text_of(app)
        await press(pilot, "escape", "down", "down", "u")
        assert "Go back to revision 3" in text_of(app)
        await press(pilot, "escape", "down", "u")
        assert "Go back to revision 1" in text_of(app)


async def test_the_way_out_of_a_pending_release_is_one_key_and_a_question(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's own advice is what the key does."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.pending)
    async with opened(scenes.hold) as (app, pilot):
        await press(pilot, "3", "g")
        assert isinstance(app.screen, ConfirmDialog)
        assert "Go back to revision 4" in text_of(app)


async def test_a_load_test_is_drawn_while_it_runs(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Latency and throughput, second by second; the screen stays usable."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.look)
    seconds = [
        Progress(
            "load",
            20 * n,
            1200,
            f"p95 {n} ms, 0 failed, 1 waiting",
            figures=(("at_s", n), ("due", 20.0), ("p95_s", n / 1000)),
        )
        for n in range(1, 9)
    ]
    async with opened(scenes.hold) as (app, pilot):
        await press(pilot, "3")
        deploy_scenes.carry_out(app, "load.run", tuple(seconds), ends=False)
        await settled(pilot)
        assert "160 of 1,200 requests: p95 8 ms" in text_of(app)
        assert "█" in text_of(app)
        assert "20/s" in text_of(app)
        await press(pilot, "left")
        assert "[Canary]" in text_of(app)


async def test_a_console_that_only_looks_changes_nothing(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans and checks that read still work; the rest says why not."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.look)
    async with opened(scenes.hold, ctx=scenes.context(read_only=True)) as (app, pilot):
        await press(pilot, "3", "u", "l")
        assert sum("read-only" in toast for toast in toasts(app)) == 2


def test_what_is_stopped_is_interrupted_once_and_may_end_in_order() -> None:
    """As Ctrl-C would: the operation cleans up after itself undisturbed, and the console hears that it was stopped."""
    heard: list[Any] = []
    began, cleaned = threading.Event(), threading.Event()

    class Box:
        def post_message(self, message: Any) -> bool:
            heard.append(message)
            return True

    def wait_for_ever(ctx: Any) -> None:
        try:
            began.set()
            while True:
                ctx.sleep(60)
        except KeyboardInterrupt:
            ctx.sleep(0)
            ctx.emit(Progress("clean", 1))
            cleaned.set()
            raise

    op = REGISTRY["smoke.run"]._replace(function=wait_for_ever)
    threads: list[threading.Thread] = []

    def spawn(job: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=job))
        threads[0].start()

    runner = Runner(scenes.context(), Box(), spawn=spawn)
    number = runner.submit(Call(op))
    assert began.wait(10)
    runner.stop(number)
    threads[0].join(10)
    assert cleaned.is_set()
    assert isinstance(heard[-1], OperationFailed)
    assert heard[-1].error.code == "console.stopped"


def test_a_plot_loses_no_peak_and_leaves_gaps_where_nothing_is_known() -> None:
    """However narrow it is."""
    values = [0.01] * 100 + [0.9] + [0.01] * 99
    assert max(value or 0 for value in fitted(values, 20)) == 0.9
    rows = plot([0.1, None, 0.9], 20, 2, limit=0.6, label="900 ms")
    assert rows[0].plain.endswith("  █")
    assert rows[1].plain[-2] == "·"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A registry with policies and keys whose clock begins at the machine's time; what runs there is ended."""
    made = World(tmp_path, now=SystemClock().now())
    made.ctx = replace(made.ctx, clock=SystemClock())
    yield made
    LocalTarget(made.settings, SystemClock(), actor="oncall").stop()
    made.close()


async def ended(app: ControlRoom, pilot: Pilot[None], threads: list[threading.Thread]) -> None:
    """Wait until what was begun has ended, and its end is on the screen."""
    while threads:
        while threads[0].is_alive():
            await pilot.pause(0.05)
        threads.pop(0)
    await settled(pilot)


@pytest.mark.slow
async def test_an_evening_is_rehearsed_with_real_verifiers(opened: Open, world: World) -> None:
    """Plan, apply and smoke test, with the keys alone; then a watch that is stopped."""
    threads: list[threading.Thread] = []

    def spawn(job: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=job, daemon=True))
        threads[-1].start()

    async with opened(scenes.hold, ctx=world.ctx, spawn=spawn) as (app, pilot):
        await press(pilot, "3")
        assert "NOT DEPLOYED" in text_of(app)
        await press(pilot, "g")
        await ended(app, pilot, threads)
        await press(pilot, "g", "y")
        await ended(app, pilot, threads)
        assert "revision 1, deployed" in text_of(app)
        assert "80 % of the requests" in text_of(app)
        await press(pilot, "s")
        await ended(app, pilot, threads)
        assert "all 12 requests as they must be" in text_of(app)
        await press(pilot, "w")
        while not app.state.activities[-1].event:
            await pilot.pause(0.05)
        await press(pilot, "x")
        await ended(app, pilot, threads)
        assert "‖ stopped" in text_of(app)
        errors: list[EngineError | None] = [run.error for run in app.state.activities[:-1]]
        assert errors == [None] * len(errors)
