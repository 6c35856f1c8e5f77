"""What holds on every screen there is, on a real registry: colours, help, and that no key changes anything unasked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import Static

from capctl.tui.bind import help_rows
from capctl.tui.confirmation import needs_question
from capctl.tui.modals.choice import Choice
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.screens.index import SCREENS, ScreenEntry
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Danger, Operation
from tests.tui import scenes
from tests.tui.conftest import Opened, text_of
from tests.tui.trust_world import World, press, settled, world

__all__ = ["world"]

Open = Callable[..., Opened]

EVERY = pytest.mark.parametrize("entry", SCREENS, ids=[entry.name for entry in SCREENS])


@EVERY
async def test_without_colour_the_answer_still_stands_there(
    opened: Open, world: World, monkeypatch: pytest.MonkeyPatch, entry: ScreenEntry
) -> None:
    """With NO_COLOR every colour is a grey; words and glyphs are the same, so none of them lived on its colour."""

    async def shown(*, without_colour: bool) -> str:
        async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
            await press(pilot, entry.key)
            assert app.no_color is without_colour
            return text_of(app)

    coloured = await shown(without_colour=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert await shown(without_colour=True) == coloured


@EVERY
async def test_help_has_every_key_of_the_screen(opened: Open, world: World, entry: ScreenEntry) -> None:
    """Whatever a key does there, help says so under the screen's own name."""
    async with opened(scenes.hold, ctx=world.ctx, size=(80, 24)) as (app, pilot):
        await press(pilot, entry.key)
        bound = {binding.description for binding in type(app.screen).BINDINGS if not isinstance(binding, tuple)}
        told = [row for row in help_rows() if row.place.startswith(entry.title)]
        assert {text.rstrip(".") for text in bound} <= {row.summary.rstrip(".") for row in help_rows()}
        assert told
        await press(pilot, "question_mark")
        assert max(map(len, text_of(app).splitlines())) <= 80
        listed = str(app.screen.query_one("#rows", Static).content)
        assert all(" ".join(row.summary.split()) in " ".join(listed.split()) for row in told)


def _changing(entry: ScreenEntry) -> list[Operation]:
    operations = [REGISTRY[hint] for hint in entry.hints if "." in hint and hint in REGISTRY]
    return [op for op in operations if op.key and op.danger is not Danger.READ and needs_question(op)]


@pytest.mark.parametrize(
    ("entry", "op"),
    [(entry, op) for entry in SCREENS for op in _changing(entry)],
    ids=[f"{entry.name}-{op.id}" for entry in SCREENS for op in _changing(entry)],
)
async def test_no_key_changes_anything_unasked(
    opened: Open, world: World, monkeypatch: pytest.MonkeyPatch, entry: ScreenEntry, op: Operation
) -> None:
    """A key that was pressed by mistake asks first, and Enter, twice, does nothing: Cancel has the focus."""
    begun: list[str] = []
    from capctl.tui import runner

    real = runner.run

    def noting(asked: Operation, *args: Any, **arguments: Any) -> Any:
        if asked.danger is not Danger.READ:
            begun.append(asked.id)
        return real(asked, *args, **arguments)

    monkeypatch.setattr("capctl.tui.runner.run", noting)
    async with opened(scenes.open_gate, ctx=world.ctx) as (app, pilot):
        await press(pilot, entry.key)
        await pilot.press(op.key)
        await settled(pilot)
        assert begun == []
        if isinstance(app.screen, ConfirmDialog):
            if not app.screen._asked.fields:
                assert isinstance(app.focused, Choice)
                assert str(app.focused.content) == "Esc  Cancel"
            await press(pilot, "enter")
        assert begun == []
