"""Runbooks in the control room: reached with one key from where they are needed, whole, and left with Escape."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from textual.containers import VerticalScroll

from capctl.tui.markdown import drawn
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.modals.runbook import RunbookDialog
from capctl.tui.palette import system_commands
from capctl.tui.runbooks import FITTING, STEPS
from capctl.tui.screens.index import SCREENS
from engine.cutover.steps import KINDS
from engine.ops.runbook import NAMES
from engine.ops.runbook_shelf import read_runbooks
from tests.tui import cutover_scenes, scenes
from tests.tui.conftest import Opened, text_of

Open = Callable[..., Opened]
TEXTS = {runbook.name: runbook.text for runbook in read_runbooks().runbooks}


@pytest.fixture(autouse=True)
def _evening(monkeypatch: pytest.MonkeyPatch) -> None:
    cutover_scenes.seen(monkeypatch, cutover_scenes.failed)


@pytest.mark.parametrize("key", ["h", "f1"])
async def test_the_fitting_runbook_is_one_key_away_and_escape_leads_back(opened: Open, key: str) -> None:
    """The canary failed: its way back is what the console opens."""
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("7", key)
        await pilot.pause()
        assert "Runbook 2 of 7: Rollback" in text_of(app)
        assert "Go back first, understand later" in text_of(app)
        await pilot.press("escape")
        assert app.screen is app.console_screen
        assert "capctl runbook rollback" in text_of(app)


async def test_arrows_lead_through_all_of_them_and_brackets_through_sections(opened: Open) -> None:
    """At 80x24 nothing is out of reach without a mouse."""
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("h")
        await pilot.pause()
        seen = []
        for _ in NAMES:
            assert isinstance(app.screen, RunbookDialog)
            seen.append(app.screen.shown.name)
            await pilot.press("right")
        assert seen == list(NAMES)
        await pilot.press("right_square_bracket")
        await pilot.pause()
        scroll = app.screen.query_one(VerticalScroll)
        assert scroll.scroll_y == drawn(TEXTS["rollout"], 68).sections[0]
        await pilot.press("left_square_bracket")
        await pilot.pause()
        assert scroll.scroll_y == 0


async def test_the_way_back_to_safety_works_from_a_runbook(opened: Open) -> None:
    """Whoever reads what to do can do it: b leaves the text and asks."""
    async with opened(scenes.hold) as (app, pilot):
        await pilot.press("h", "b")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)


async def test_the_palette_lists_every_runbook(opened: Open) -> None:
    """For whoever knows which one they want."""
    async with opened(scenes.hold) as (app, pilot):
        commands = {command.title: command.callback for command in system_commands(app)}
        assert {f"runbook {name}" for name in NAMES} <= commands.keys()
        commands["runbook restore"]()
        await pilot.pause()
        assert "Backup and restore" in text_of(app)


def test_every_screen_and_every_step_has_a_runbook_that_exists() -> None:
    """A screen that is added says which one fits it."""
    assert {entry.name for entry in SCREENS} <= FITTING.keys()
    assert set(FITTING.values()) | set(STEPS.values()) <= set(NAMES)
    assert STEPS.keys() <= {kind.id for kind in KINDS}


@pytest.mark.parametrize("width", [68, 100])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_runbook_gets_lost(name: str, width: int) -> None:
    """Every word of the text is drawn, and a section begins where the text says."""
    found = drawn(TEXTS[name], width)
    shown = "".join("".join(line.plain for line in found.lines).split())
    body = TEXTS[name].partition("\n")[2]
    words = re.findall(r"\w{4,}", re.sub(r"\]\([^)]*\)|```\w*", "", body))
    assert [word for word in words if word not in shown] == []
    assert len(found.sections) == len(re.findall(r"^##+ ", body, re.MULTILINE))


@pytest.mark.parametrize("width", [40, 68, 100])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_a_runbook_is_cut_off(name: str, width: int) -> None:
    """What is too long is wrapped, tables included."""
    assert max(line.cell_length for line in drawn(TEXTS[name], width).lines) <= width


def test_a_command_is_drawn_as_it_is_typed() -> None:
    """What stands in a block can be copied: nothing in it is taken for emphasis."""
    found = drawn('# T\n\n```sh\ncapctl rollout rollback --reason "a `b` **c**"\n```\n', 69)
    assert [line.plain.strip() for line in found.lines if line.plain] == [
        'capctl rollout rollback --reason "a `b` **c**"'
    ]


def test_a_table_that_does_not_fit_wraps_in_its_columns() -> None:
    """Cells stay below their heading."""
    table = "| see | do |\n| --- | --- |\n| one two three four five | six seven eight nine ten |\n"
    lines = [line.plain for line in drawn(table, 26).lines]
    assert lines[0].index("do") == lines[1].index("six")
    assert len(lines) > 2
    assert max(map(len, lines)) <= 26
