"""Several screens: how one gets from one to another, and what stays the same on all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from capctl.tui.bind import key_hints
from capctl.tui.palette import system_commands
from capctl.tui.screens.index import SCREENS, ScreenEntry
from capctl.tui.widgets.command_bar import CommandBar
from capctl.tui.widgets.key_bar import fitted
from capctl.tui.widgets.tabs import ScreenTabs, tabs
from tests.tui import pilot_scenes, scenes
from tests.tui.conftest import Opened, text_of

Open = Callable[..., Opened]
NINE = tuple(ScreenEntry(f"s{i}", f"Screen {i}", str(i), "rollout:RolloutScreen", {}) for i in range(1, 10))


@pytest.fixture(autouse=True)
def _pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    pilot_scenes.seen(monkeypatch, pilot_scenes.look)


def test_a_screen_has_a_name_a_key_and_a_short_title_of_its_own() -> None:
    """Nine fit onto the line of tabs, and each is reached by a number."""
    assert len({entry.name for entry in SCREENS}) == len({entry.key for entry in SCREENS}) == len(SCREENS)
    assert all(entry.key in "123456789" and len(entry.title) <= 8 for entry in SCREENS)
    assert all(entry.load().ENTRY is entry for entry in SCREENS)


async def test_keys_lead_to_every_screen_and_back(opened: Open) -> None:
    """From everywhere, help included; the state of the screen that was left stays."""
    async with opened(scenes.hold) as (app, pilot):
        for entry in (*SCREENS, SCREENS[0]):
            await pilot.press("question_mark", entry.key)
            await pilot.pause()
            assert app.current_mode == entry.name
            assert app.screen is app.console_screen


async def test_a_click_on_a_tab_goes_there(opened: Open) -> None:
    """The mouse can do what the keys can."""
    async with opened(scenes.hold) as (app, pilot):
        await pilot.click(ScreenTabs, offset=(tabs("rollout", 80)[1].start + 1, 0))
        await pilot.pause()
        assert app.current_mode == "pilot"


async def test_the_palette_goes_to_every_screen(opened: Open) -> None:
    """For whoever knows the word and not the number."""
    async with opened(scenes.hold) as (app, _):
        titles = [command.title for command in system_commands(app)]
        assert all(f"go to {entry.title}" in titles for entry in SCREENS)


@pytest.mark.parametrize("width", [60, 80, 160])
def test_tabs_never_overflow(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Where nine titles do not fit, the one that is shown keeps its title and the others their keys."""
    monkeypatch.setattr("capctl.tui.widgets.tabs.SCREENS", NINE)
    placed = tabs("s5", width)
    assert placed[-1].end <= width
    assert "Screen 5" in placed[4].text
    assert [tab.entry.key in tab.text for tab in placed] == [True] * 9


@pytest.mark.parametrize("entry", SCREENS, ids=[entry.name for entry in SCREENS])
@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 45)])
async def test_every_screen_keeps_what_all_have_in_common(
    opened: Open, entry: ScreenEntry, size: tuple[int, int]
) -> None:
    """Environment, tabs, the way back to safety, help, and the command line."""
    async with opened(scenes.hold, size=size) as (app, pilot):
        await pilot.press(entry.key)
        await pilot.pause()
        shown = text_of(app)
        assert "DEMO" in shown
        assert f"{entry.key} {entry.title}" in shown
        assert "? help" in shown
        hints = fitted(key_hints(app.state, app.console_screen), size[0] - 2)
        assert sum(hint.cell_length for hint in hints) <= size[0] - 2
        if size[0] >= 80:
            assert "b roll" in shown
        await pilot.press("colon")
        assert app.screen.query_one(CommandBar).has_class("-open")


@pytest.mark.parametrize("entry", SCREENS, ids=[entry.name for entry in SCREENS])
async def test_a_screen_in_a_tiny_terminal_is_one_sentence(opened: Open, entry: ScreenEntry) -> None:
    """Nothing is squeezed."""
    async with opened(scenes.hold, size=(50, 12)) as (app, pilot):
        await pilot.press(entry.key)
        await pilot.pause()
        assert "needs a terminal of at least 60x16" in " ".join(text_of(app).split())
