"""The keys that matter now, on one line that never overflows; the rest is in help."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.bind import KeyHint, key_hints
from capctl.tui.drawing import row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel

MOST_HINTS: Final = 7
"""Hints shown beside the one for help."""

HELP: Final = KeyHint("?", "help", reason="")

ELSEWHERE: Final = (
    KeyHint("Esc", "back", reason=""),
    KeyHint("/", "filter", reason=""),
    KeyHint("b", "roll back", reason=""),
)
"""What works over a screen, on the help page."""


class KeyBar(Panel):
    """Key hints, most important first, as many as fit. One that makes no sense now is dim, and says why if pressed."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $surface; padding: 0 1; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the hints that fit, and the one for help at the right."""
        screen = self.room.console_screen
        hints = key_hints(state, screen) if screen is self.screen else list(ELSEWHERE)
        return row(*fitted(hints, size.width))


def fitted(hints: list[KeyHint], width: int) -> list[Content]:
    """The hints that fit into a width, the one for help always among them."""
    rest = width - len(_text(HELP))
    drawn: list[Content] = []
    for hint in hints[:MOST_HINTS]:
        needed = len(_text(hint)) + 2
        if needed <= rest:
            drawn += [_draw(hint), Content("  ")]
            rest -= needed
    return [*drawn, _draw(HELP)]


def _text(hint: KeyHint) -> str:
    return f"{hint.key} {hint.label}"


def _draw(hint: KeyHint) -> Content:
    if hint.reason:
        return Content.styled(_text(hint), "$line")
    return row(Content.styled(hint.key, "bold $chosen"), Content.styled(f" {hint.label}", "$muted"))
