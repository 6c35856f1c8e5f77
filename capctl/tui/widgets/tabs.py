"""The line under the header: which screens there are, and which one this is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from textual.content import Content
from textual.events import Click
from textual.geometry import Size

from capctl.tui.drawing import row
from capctl.tui.screens.index import SCREENS, ScreenEntry
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel

GAPS: Final = (1, 0)
"""Cells between two tabs: where there is room, and where there is little."""


class Tab(NamedTuple):
    """A tab and the cells it takes."""

    entry: ScreenEntry
    text: str
    start: int

    @property
    def end(self) -> int:
        """The cell after its last one."""
        return self.start + len(self.text)


class ScreenTabs(Panel):
    """A tab for each screen; a click, or its key, goes there. Where they do not fit, the others are keys only."""

    DEFAULT_CSS = """
    ScreenTabs { height: 1; background: $surface; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:  # noqa: ARG002 - the tabs do not depend on it
        """Draw the tabs."""
        active = self.room.current_mode
        parts: list[Content] = []
        for tab in tabs(active, size.width):
            parts += [Content(" " * (tab.start - sum(part.cell_length for part in parts))), _draw(tab, active)]
        return row(*parts)

    def on_click(self, event: Click) -> None:
        """Go to the screen whose tab was clicked."""
        for tab in tabs(self.room.current_mode, self.size.width):
            if tab.start <= event.x < tab.end:
                self.room.action_go_to(tab.entry.name)


def tabs(active: str, width: int) -> list[Tab]:
    """The tabs of a line.

    Args:
        active: Name of the screen that is shown.
        width: Cells there are.
    """
    for gap in GAPS:
        full = list(_placed({entry.name: f" {entry.key} {entry.title} " for entry in SCREENS}, gap))
        if full[-1].end <= width:
            return full
    return list(_placed({e.name: f" {e.key} {e.title} " if e.name == active else f" {e.key} " for e in SCREENS}, 0))


def _placed(texts: dict[str, str], gap: int) -> Iterator[Tab]:
    start = 0
    for entry in SCREENS:
        tab = Tab(entry, texts[entry.name], start)
        yield tab
        start = tab.end + gap


def _draw(tab: Tab, active: str) -> Content:
    if tab.entry.name == active:
        return Content.styled(tab.text, "bold reverse")
    key, rest = tab.text[:2], tab.text[2:]
    return row(Content.styled(key, "$chosen"), Content.styled(rest, "$muted"))
