"""The rotations side by side: a line for each purpose, with the phases it goes through."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.keys import LINE, PURPOSES, SIGNED, look_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel

ASIDE = {"aborted": ("$muted", "the old key goes on"), "revoked": ("$gate-closed", "another key signs")}
"""Phases beside the line: their tone, and what they mean."""


class KeysPhases(Panel):
    """A line for each purpose; the chosen one is marked, and a click chooses another."""

    DEFAULT_CSS = """
    KeysPhases { height: 5; }
    """

    class PurposeChosen(Message):
        """A line was clicked.

        Attributes:
            purpose: Whose it is.
        """

        def __init__(self, purpose: str) -> None:
            super().__init__()
            self.purpose = purpose

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a heading and the lines."""
        look = look_of(state)
        signs = f"the {look.purpose} key signs {SIGNED[look.purpose]}; " if look else ""
        lines = [heading("Rotations", f"{signs}left, right: another", size.width)]
        if look is not None:
            lines += [_line(name, look.phases.get(name, ""), chosen=name == look.purpose) for name in PURPOSES]
        return page([line.truncate(size.width, ellipsis=True) for line in lines])

    def on_click(self, event: Click) -> None:
        """Choose the rotation that was clicked."""
        if 0 < event.y <= len(PURPOSES):
            self.post_message(self.PurposeChosen(PURPOSES[event.y - 1]))


def _line(purpose: str, phase: str, *, chosen: bool) -> Content:
    name = row(
        Content.styled("▸ " if chosen else "  ", "bold $chosen"), cell(purpose, 8, "bold" if chosen else "$muted")
    )
    if not phase:
        return row(name, Content.styled(" no key yet", "$muted"))
    if phase in ASIDE:
        tone, meaning = ASIDE[phase]
        return row(
            name, Content.styled(f" ■ {phase.upper()}", f"bold {tone}"), Content.styled(f": {meaning}", "$muted")
        )
    parts: list[Content] = []
    reached = LINE.index(phase)
    for place, known in enumerate(LINE):
        if place:
            parts.append(Content.styled("──" if place <= reached else "┄┄", "$chosen" if place <= reached else "$line"))
        parts.append(_station(known, place - reached, chosen=chosen))
    return row(name, *parts)


def _station(phase: str, distance: int, *, chosen: bool) -> Content:
    """A phase on the line: passed (negative distance), reached (0), or to come."""
    if distance == 0:
        text = f"● {phase.upper()} "
        return Content.styled(f" {text}", "bold reverse" if chosen else "bold")
    glyph = "○" if distance < 0 else "·"
    return Content.styled(f" {glyph} {phase.upper()} ", "" if distance < 0 and chosen else "$muted")
