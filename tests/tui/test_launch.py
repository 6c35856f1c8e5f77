"""What happens before the first screen: a cheap import, a terminal settled for where it is, themes found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.widgets import Static

from capctl.tui import theme_files
from capctl.tui.bind import offered
from capctl.tui.launch import CALM_DEFAULTS, settle_terminal
from tests.tui import scenes
from tests.tui.conftest import text_of


def test_nothing_moves_over_ssh() -> None:
    """Over a network animation is off, unless the operator wants it."""
    environ = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22", "TEXTUAL_FPS": "30"}
    settle_terminal(environ)
    assert environ["TEXTUAL_ANIMATIONS"] == "none"
    assert environ["TEXTUAL_FPS"] == "30"


def test_a_local_terminal_is_left_alone() -> None:
    """Without SSH nothing is changed."""
    environ: dict[str, str] = {}
    settle_terminal(environ)
    assert not environ.keys() & CALM_DEFAULTS.keys()


def test_the_launcher_loads_no_screen_library() -> None:
    """The terminal can only be settled before Textual reads its environment: importing the package does not load it."""
    code = "import sys, capctl.tui; sys.exit(any(m.partition('.')[0] in ('textual', 'rich') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_themes_are_found_in_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel carries the themes inside the package; a checkout has them at its top."""
    assert theme_files.shipped_directory() == Path(__file__).parents[2] / "themes"
    installed = tmp_path / "capctl" / "tui"
    (installed / "themes").mkdir(parents=True)
    monkeypatch.setattr(theme_files, "__file__", str(installed / "theme_files.py"))
    assert theme_files.shipped_directory() == installed / "themes"


async def test_no_color_leaves_words_and_glyphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR every colour on the screen is a grey, and the answer still stands there."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = scenes.room(scenes.hold)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.no_color
        assert "…  HOLD" in text_of(app)


async def test_every_action_is_found_by_searching() -> None:
    """The palette has an entry for each operation, with its command and what it does."""
    app = scenes.room(scenes.hold)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        entries = {entry.title.partition(" [")[0]: entry.help for entry in app.get_system_commands(app.screen)}
        for op in offered():
            title = next(title for title in entries if title.startswith(" ".join(op.command)))
            assert title
            assert op.summary in entries.values()
        await pilot.press("slash")
        assert isinstance(app.screen, CommandPalette)


async def test_an_answer_is_shown_in_the_words_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """`:gate check` opens what `capctl gate check` prints."""
    from engine.ops.results.gate import GateCheck

    monkeypatch.setattr(
        "capctl.tui.runner.run", lambda op, ctx, /, **arguments: GateCheck("lksg.v1", "demo", scenes.hold().gate)
    )
    app = scenes.room(scenes.hold)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("colon", *"gate", "space", *"check", "enter")
        await pilot.pause()
        assert "capctl gate check" in text_of(app)
        assert "hold" in "\n".join(str(part.content) for part in app.screen.query(Static)).lower()
