"""The keys that matter now, on one line that never overflows; the rest is in help."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.events import Click
from textual.geometry import Size

from capctl.tui.bind import KeyHint, key_hints
from capctl.tui.drawing import row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel

MOST_HINTS: Final = 7
"""Hints shown beside the one for help."""

HELP: Final = KeyHint("?", "help", "app.help")

ELSEWHERE: Final = (
    KeyHint("Esc", "back", "screen.close"),
    KeyHint("/", "filter", "screen.filter"),
    KeyHint("b", "roll back", "app.run_operation('rollout.rollback')"),
)
"""What works over a screen, on the help page."""

GAP: Final = 2
"""Cells between two hints."""


class KeyBar(Panel):
    """Key hints, most important first, as many as fit; a click on one is the key.

    One that makes no sense now is dim, and says why if it is pressed or clicked.
    """

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $surface; padding: 0 1; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the hints that fit, and the one for help at the right."""
        return row(*fitted(self._hints(state), size.width))

    async def on_click(self, event: Click) -> None:
        """Do what the key does whose hint was clicked."""
        place = event.get_content_offset(self)
        hint = hint_at(self._hints(self.room.state), self.size.width, place.x) if place else None
        if hint:
            await self.app.run_action(hint.action, self.screen)

    def _hints(self, state: ConsoleState) -> list[KeyHint]:
        screen = self.room.console_screen
        return key_hints(state, screen) if screen is self.screen else list(ELSEWHERE)


def fitted(hints: list[KeyHint], width: int) -> list[Content]:
    """The hints that fit into a width, the one for help always among them."""
    drawn = [part for hint in _fitting(hints, width) for part in (_draw(hint), Content(" " * GAP))]
    return drawn[:-1]


def hint_at(hints: list[KeyHint], width: int, x: int) -> KeyHint | None:
    """The hint that is drawn on a cell; None between two of them and after the last.

    Args:
        hints: Those there are.
        width: Cells there are.
        x: The cell, from 0.
    """
    start = 0
    for hint in _fitting(hints, width):
        end = start + len(_text(hint))
        if start <= x < end:
            return hint
        start = end + GAP
    return None


def _fitting(hints: list[KeyHint], width: int) -> list[KeyHint]:
    rest = width - len(_text(HELP))
    found: list[KeyHint] = []
    for hint in hints[:MOST_HINTS]:
        needed = len(_text(hint)) + GAP
        if needed <= rest:
            found.append(hint)
            rest -= needed
    return [*found, HELP]


def _text(hint: KeyHint) -> str:
    return f"{hint.key} {hint.label}"


def _draw(hint: KeyHint) -> Content:
    if hint.reason:
        return Content.styled(_text(hint), "$line")
    return row(Content.styled(hint.key, "bold $chosen"), Content.styled(f" {hint.label}", "$muted"))
