"""How the control room looks, at both sizes it is made for and in a dark, a light and a colour-blind theme.

Pictures are for what no assertion sees: alignment, hierarchy, colour. What the screen says and does is asserted in
test_console.py. Look at each difference in the report; then `pytest tests/tui --snapshot-update`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from capctl.tui.screens.index import SCREENS, ScreenEntry
from capctl.tui.theme_files import shipped_directory
from engine.clock import ManualClock
from engine.context import Progress
from engine.ops.results.cutover import CutoverLook
from engine.ops.results.deploy_look import DeployLook
from engine.ops.results.orr_look import OrrLook
from engine.ops.results.pilot_look import PilotLook
from engine.rollout.snapshot import ControlSnapshot
from tests.tui import cutover_scenes, deploy_scenes, orr_scenes, pilot_scenes, scenes
from tests.tui.trust_world import World, press

Picture = Callable[..., bool]
Drawn = tuple[str, tuple[int, int]]
"""A theme and the size of a terminal."""

SIZES = {"80x24": (80, 24), "160x45": (160, 45)}
THEMES = ("dark", "light", "deuteranopia")
ALL_THEMES = sorted(path.stem for path in shipped_directory().glob("*.yaml"))


def silent() -> ControlSnapshot:
    """The verifiers have stopped reporting."""
    return replace(scenes.open_gate(), source_age_s=47.0)


SCENES: dict[str, tuple[Callable[[], ControlSnapshot], dict[str, Any]]] = {
    "empty": (scenes.empty, {}),
    "hold": (scenes.hold, {}),
    "open": (scenes.open_gate, {}),
    "closed": (scenes.closed, {}),
    "rolled-back": (scenes.rolled_back, {}),
    "stale": (silent, {}),
    "error": (scenes.store_locked, {}),
    "read-only": (scenes.hold, {"read_only": True}),
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_main_screen(snap_compare: Picture, scene: str, size: str, theme: str) -> None:
    """The main screen in one of its states."""
    sample, options = SCENES[scene]
    app = scenes.room(sample, scenes.context(theme=f"capctl-{theme}", clock=ManualClock(scenes.NOW), **options))
    assert snap_compare(app, terminal_size=SIZES[size])


@pytest.mark.parametrize("theme", ["dark", "high-contrast", "tritanopia", "ansi"])
def test_production(snap_compare: Picture, theme: str) -> None:
    """Production looks like production, in the themes that the other pictures do not show."""
    ctx = scenes.context(env="prod", theme=f"capctl-{theme}", clock=ManualClock(scenes.NOW))
    assert snap_compare(scenes.room(scenes.hold, ctx), terminal_size=(80, 24))


@pytest.mark.parametrize(
    ("name", "keys"),
    [("rollback", ["b"]), ("break-glass", ["exclamation_mark"]), ("help", ["question_mark"]), ("rate", ["r"])],
)
def test_dialogs(snap_compare: Picture, name: str, keys: list[str]) -> None:
    """The questions, and help."""

    async def press(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        for cursor in pilot.app.screen.query("Input"):
            cursor.cursor_blink = False  # type: ignore[attr-defined]
        await pilot.pause()

    assert snap_compare(scenes.room(scenes.hold), terminal_size=(80, 24), run_before=press)


def test_choosing_on_the_slider(snap_compare: Picture) -> None:
    """The chosen share stands on the track beside the current one, with what it would take."""

    async def press(pilot: Pilot[None]) -> None:
        await pilot.press("right")

    assert snap_compare(scenes.room(scenes.open_gate), terminal_size=(80, 24), run_before=press)


def test_a_small_terminal(snap_compare: Picture) -> None:
    """60x16 still has the answer, the slider and the conditions."""
    assert snap_compare(scenes.room(scenes.hold), terminal_size=(60, 16))


PILOT: dict[str, tuple[Callable[[], PilotLook], tuple[Progress, ...]]] = {
    "empty": (pilot_scenes.empty, ()),
    "not-configured": (pilot_scenes.not_configured, ()),
    "running": (pilot_scenes.empty, pilot_scenes.WRITING),
    "waiting": (pilot_scenes.empty, pilot_scenes.THROTTLED),
    "stopped": (pilot_scenes.stopped, ()),
    "proven": (pilot_scenes.look, ()),
}
COLOURS = {"running": THEMES, "stopped": THEMES, "proven": THEMES}
"""States in which colour says most, in every kind of theme; the others in one."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("scene", "theme"), [(s, t) for s in PILOT for t in COLOURS.get(s, ("dark",))])
def test_pilot_screen(
    snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, scene: str, theme: str, size: str
) -> None:
    """The Pilot screen in one of its states."""
    moment, told = PILOT[scene]
    pilot_scenes.seen(monkeypatch, moment)
    app = scenes.room(scenes.hold, scenes.context(theme=f"capctl-{theme}", clock=ManualClock(scenes.NOW)))

    async def show(pilot: Pilot[None]) -> None:
        await pilot.press("2")
        if told:
            pilot_scenes.begin(app, told=told)
        await pilot.pause()

    assert snap_compare(app, terminal_size=SIZES[size], run_before=show)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("answers", "key"),
    [({"pilot.run": pilot_scenes.planned()}, "d"), ({"pilot.check": pilot_scenes.logon_refused()}, "c"), ({}, "g")],
    ids=["dry-run", "logon-refused", "question"],
)
def test_pilot_keys(
    snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], key: str, size: str
) -> None:
    """What the pilot's keys lead to."""
    pilot_scenes.seen(monkeypatch, pilot_scenes.empty)
    monkeypatch.setattr("capctl.tui.runner.run", pilot_scenes.Engine(answers))

    async def press(pilot: Pilot[None]) -> None:
        await pilot.press("2", key)
        await pilot.pause()

    app = scenes.room(scenes.hold, scenes.context(clock=ManualClock(scenes.NOW)))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=press)


@pytest.mark.parametrize(
    "drawn",
    [(theme, SIZES[size]) for theme in ALL_THEMES for size in SIZES],
    ids=lambda drawn: f"{drawn[0]}-{drawn[1][0]}",
)
@pytest.mark.parametrize("entry", SCREENS, ids=[entry.name for entry in SCREENS])
def test_every_screen(
    snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: ScreenEntry, drawn: Drawn
) -> None:
    """Every screen on a real registry that was just furnished, in every theme there is."""
    theme, size = drawn
    # What lies in the state directory is named from where capctl was started.
    monkeypatch.chdir(tmp_path)
    made = World(Path(), theme=f"capctl-{theme}")

    async def show(pilot: Pilot[None]) -> None:
        await press(pilot, entry.key)

    assert snap_compare(scenes.room(scenes.hold, made.ctx), terminal_size=size, run_before=show)
    made.close()


CUTOVER: dict[str, tuple[Callable[[], CutoverLook], tuple[Progress, ...]]] = {
    "not-begun": (cutover_scenes.not_begun, ()),
    "running": (cutover_scenes.here, cutover_scenes.CANARY),
    "driven-by-another": (cutover_scenes.driven, ()),
    "waiting": (cutover_scenes.waiting, ()),
    "failed": (cutover_scenes.failed, ()),
    "held": (cutover_scenes.held, ()),
    "cut-off": (cutover_scenes.silent, ()),
    "rolled-back": (cutover_scenes.rolled_back, ()),
    "done": (cutover_scenes.done, ()),
}
CUTOVER_COLOURS = dict.fromkeys(("running", "waiting", "failed"), THEMES)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("scene", "theme"), [(s, t) for s in CUTOVER for t in CUTOVER_COLOURS.get(s, ("dark",))])
def test_cutover_screen(
    snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, scene: str, theme: str, size: str
) -> None:
    """The Cutover screen in one of its states."""
    moment, told = CUTOVER[scene]
    cutover_scenes.seen(monkeypatch, moment)
    app = scenes.room(scenes.hold, scenes.context(theme=f"capctl-{theme}", clock=ManualClock(scenes.NOW)))

    async def show(pilot: Pilot[None]) -> None:
        await pilot.press("7")
        if told:
            cutover_scenes.begin(app, *told)
        await pilot.pause()

    assert snap_compare(app, terminal_size=SIZES[size], run_before=show)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", ["g", "b", "enter", "h"], ids=["go", "rollback", "step", "runbook"])
def test_cutover_keys(snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, key: str, size: str) -> None:
    """What the cutover's keys lead to: the questions, everything about a step, and its runbook."""
    cutover_scenes.seen(monkeypatch, cutover_scenes.waiting)

    async def press(pilot: Pilot[None]) -> None:
        await pilot.press("7", key)
        await pilot.pause()

    app = scenes.room(scenes.hold, scenes.context(clock=ManualClock(scenes.NOW)))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=press)


@pytest.mark.parametrize("size", SIZES)
def test_a_stale_cutover(snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    """A registry that stopped answering: the steps are as last known, and say so."""
    cutover_scenes.seen_once(monkeypatch, cutover_scenes.waiting)
    ctx = scenes.context(clock=ManualClock(scenes.NOW))
    app = scenes.room(scenes.hold, ctx)

    async def show(pilot: Pilot[None]) -> None:
        await pilot.press("7")
        await pilot.pause()
        ctx.clock.advance(47)  # type: ignore[attr-defined]
        app.look_again()
        await pilot.pause()

    assert snap_compare(app, terminal_size=SIZES[size], run_before=show)


DEPLOY: dict[str, tuple[Callable[[], DeployLook], str, tuple[Progress, ...]]] = {
    "nothing": (deploy_scenes.nothing, "", ()),
    "planned": (deploy_scenes.look, "deploy.plan", ()),
    "applying": (deploy_scenes.look, "deploy.apply", deploy_scenes.APPLYING),
    "rolled-back": (deploy_scenes.look, "deploy.apply", deploy_scenes.APPLYING),
    "healthy": (deploy_scenes.healthy, "", ()),
    "pending": (deploy_scenes.pending, "", ()),
    "smoke-failed": (deploy_scenes.smoke_failed, "", ()),
    "unreachable": (deploy_scenes.unreachable, "", ()),
}
DEPLOY_VIEWS = {"healthy": ("left", "left", "left"), "smoke-failed": ("right",)}
"""Keys that lead from the revisions to the view that says most: the load test's plot, the failed requests."""
DEPLOY_COLOURS = dict.fromkeys(("applying", "healthy", "smoke-failed"), THEMES)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("scene", "theme"), [(s, t) for s in DEPLOY for t in DEPLOY_COLOURS.get(s, ("dark",))])
def test_deploy_screen(
    snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, scene: str, theme: str, size: str
) -> None:
    """The Deploy screen in one of its states."""
    moment, op_id, told = DEPLOY[scene]
    deploy_scenes.seen(monkeypatch, moment)

    async def show(pilot: Pilot[None]) -> None:
        await press(pilot, "3")
        if op_id:
            deploy_scenes.carry_out(pilot.app, op_id, told, ends=scene != "applying")
        await press(pilot, *DEPLOY_VIEWS.get(scene, ()))

    app = scenes.room(scenes.hold, scenes.context(theme=f"capctl-{theme}", clock=ManualClock(scenes.NOW)))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=show)


def test_deploy_read_only(snap_compare: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may only be looked at is dim on the key bar."""
    deploy_scenes.seen(monkeypatch, deploy_scenes.look)

    async def show(pilot: Pilot[None]) -> None:
        await press(pilot, "3")

    app = scenes.room(scenes.hold, scenes.context(read_only=True, clock=ManualClock(scenes.NOW)))
    assert snap_compare(app, terminal_size=(80, 24), run_before=show)


ORR: dict[str, tuple[Callable[[], OrrLook], tuple[str, ...]]] = {
    "nothing": (orr_scenes.nothing, ()),
    "begun": (orr_scenes.begun, ()),
    "failing": (orr_scenes.failing, ()),
    "asking": (orr_scenes.failing, ()),
    "ready": (orr_scenes.ready, ()),
    "signed": (orr_scenes.signed, ()),
    "ending": (orr_scenes.ending, ()),
    "invalid": (orr_scenes.invalid, ()),
    "sign": (orr_scenes.ready, ("s",)),
    "attest": (orr_scenes.begun, ("a",)),
    "waive": (orr_scenes.failing, ("w",)),
    "item": (orr_scenes.begun, ("enter",)),
    "blocking": (orr_scenes.begun, ("f",)),
}
"""A moment of the review, and the keys that are pressed on it."""
ORR_COLOURS = dict.fromkeys(("begun", "signed", "invalid"), THEMES)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("scene", "theme"), [(s, t) for s in ORR for t in ORR_COLOURS.get(s, ("dark",))])
def test_orr_screen(snap_compare: Picture, monkeypatch: pytest.MonkeyPatch, scene: str, theme: str, size: str) -> None:
    """The ORR screen in one of its states, and what its keys lead to."""
    moment, keys = ORR[scene]
    orr_scenes.seen(monkeypatch, moment)

    async def show(pilot: Pilot[None]) -> None:
        await press(pilot, "4")
        if scene == "asking":
            orr_scenes.carry_out(pilot.app, orr_scenes.ASKING)
        await press(pilot, *keys)
        for cursor in pilot.app.screen.query("Input"):
            cursor.cursor_blink = False  # type: ignore[attr-defined]
        await pilot.pause()

    app = scenes.room(scenes.hold, scenes.context(theme=f"capctl-{theme}", clock=ManualClock(scenes.NOW)))
    assert snap_compare(app, terminal_size=SIZES[size], run_before=show)


def test_orr_in_production(snap_compare: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is bound, the typed environment and the passphrase fit a small terminal."""
    orr_scenes.seen(monkeypatch, orr_scenes.ready)

    async def show(pilot: Pilot[None]) -> None:
        await press(pilot, "4", "s")
        for cursor in pilot.app.screen.query("Input"):
            cursor.cursor_blink = False  # type: ignore[attr-defined]
        await pilot.pause()

    app = scenes.room(scenes.hold, scenes.context(env="prod", clock=ManualClock(scenes.NOW)))
    assert snap_compare(app, terminal_size=(80, 24), run_before=show)


def test_orr_read_only(snap_compare: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may only be looked at is dim on the key bar."""
    orr_scenes.seen(monkeypatch, orr_scenes.begun)

    async def show(pilot: Pilot[None]) -> None:
        await press(pilot, "4")

    app = scenes.room(scenes.hold, scenes.context(read_only=True, clock=ManualClock(scenes.NOW)))
    assert snap_compare(app, terminal_size=(80, 24), run_before=show)
