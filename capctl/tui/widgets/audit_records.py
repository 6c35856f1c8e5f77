"""The records of the trail, newest first: a window of it that moves with whoever scrolls."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive

from capctl.tui.audit import look_of, moment, object_of, place_of, problems_of
from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.outcomes import GLYPHS, TONES
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import count, short_hash
from engine.ops.results.audit_look import AuditLook, SeenLine

PAGE: Final = 12
"""Records a page key goes."""
WHEEL: Final = 3
"""Records a turn of the wheel."""


class AuditRecords(Panel, can_focus=True):
    """A line for each record; arrows choose one. It holds a window only, and asks for another with `Chosen`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "choose(-1)", "Choose the record above", id="audit.up"),
        Binding("down,j", "choose(1)", "Choose the record below", id="audit.down"),
        Binding("pageup", f"choose(-{PAGE})", "Go to newer records", id="audit.page_up"),
        Binding("pagedown", f"choose({PAGE})", "Go to older records", id="audit.page_down"),
        Binding("home", "go_to(0)", "Follow the newest record", id="audit.newest"),
        Binding("end", "go_to(1)", "Go to the first record of the trail", id="audit.oldest"),
        Binding("enter", "open_chosen", "Show everything about the chosen record", id="audit.open"),
    ]

    chosen: reactive[int | None] = reactive(None)
    """Number of the record that is chosen; None follows the newest. It need not be among those that are shown."""

    class Chosen(Message):
        """Another record is looked at.

        Attributes:
            number: Its number; None for the newest, whichever it will be.
        """

        def __init__(self, number: int | None) -> None:
            super().__init__()
            self.number = number

    class Opened(Message):
        """Everything about the chosen record is asked for."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the records that fit around the chosen one, and how far was looked where there are no more."""
        look = look_of(state)
        if look is None:
            return page([heading("Records", "", size.width), Content.styled("—", "$muted")])
        place, rows = place_of(look.lines, self.chosen), max(1, size.height - 1)
        first = self._first(look, rows)
        shown = look.lines[first : first + rows]
        broken = [bool(problems_of(line, look.lines, state)) for line in shown]
        lines = [heading("Records", self._note(look), size.width)]
        for number, line in enumerate(shown, start=first):
            is_chosen = number == place
            drawn = _line(line, state.now, self.room.zone, chosen=is_chosen, broken=broken[number - first])
            lines.append(drawn.truncate(size.width, ellipsis=True))
        if len(lines) <= rows:
            lines.append(Content.styled(_end(look), "$muted"))
        return page(lines)

    def watch_chosen(self, chosen: int | None) -> None:
        """Show what is chosen, and ask for what surrounds it."""
        self.show_state(self.room.state)
        self.post_message(self.Chosen(chosen))

    def action_choose(self, lines: int) -> None:
        """Choose another record; past the edge of the window the trail goes on."""
        look = look_of(self.room.state)
        if look is None:
            return
        place = place_of(look.lines, self.chosen) + lines
        if place < 0 or not look.lines:
            beyond = look.newest if lines < 0 else look.oldest
            self.chosen = beyond or (None if lines < 0 else self.chosen)
        elif place >= len(look.lines):
            self.chosen = look.oldest or look.lines[-1].number
        else:
            self.chosen = look.lines[place].number if place or look.newest else None

    def action_go_to(self, number: int) -> None:
        """Choose a record by its number; 0 follows the newest."""
        self.chosen = number or None

    def action_open_chosen(self) -> None:
        """Ask for everything about it."""
        self.post_message(self.Opened())

    def on_click(self, event: Click) -> None:
        """Choose the record that was clicked; a second click opens it."""
        look = look_of(self.room.state)
        if look is None or event.y == 0:
            return
        place = self._first(look, max(1, self.size.height - 1)) + event.y - 1
        if place < len(look.lines):
            if place == place_of(look.lines, self.chosen):
                self.action_open_chosen()
            self.chosen = look.lines[place].number

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Go to older records."""
        event.stop()
        self.action_choose(WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Go to newer records."""
        event.stop()
        self.action_choose(-WHEEL)

    def chosen_line(self, state: ConsoleState) -> SeenLine | None:
        """The chosen record as it is stored; None where there is none."""
        look = look_of(state)
        return look.lines[place_of(look.lines, self.chosen)] if look and look.lines else None

    def _first(self, look: AuditLook, rows: int) -> int:
        """The first line that is drawn, so that the chosen one has company on both sides."""
        centred = place_of(look.lines, self.chosen) - rows // 2
        return max(0, min(centred, len(look.lines) - rows))

    def _note(self, look: AuditLook) -> str:
        if self.chosen is None:
            return f"newest of {count(look.size)} first, live"
        return f"{count(self.chosen)} of {count(look.size)}; home follows the newest"


def _end(look: AuditLook) -> str:
    if look.oldest:
        return f"Nothing else down to record {count(look.oldest)}: page down looks further back."
    if look.lines:
        return "That is the beginning of the trail."
    if look.newest:
        return "Nothing older matches: page up looks ahead."
    return "No record matches; c clears the filters." if look.size else "Nothing was recorded yet."


def _line(line: SeenLine, now: datetime, zone: tzinfo | None, *, chosen: bool, broken: bool) -> Content:
    number = cell(f"#{count(line.number)}", 10, "bold" if chosen else "$muted")
    mark = Content.styled(
        "■ " if broken else "▸ " if chosen else "  ", "bold $gate-closed" if broken else "bold $chosen"
    )
    if line.shown is None:
        return row(mark, number, Content.styled("NOT A RECORD  ", "bold $gate-closed"), short_hash(line.digest))
    record, event = line.shown.record, line.shown.record.event
    return row(
        mark,
        number,
        cell(moment(record.at, now, zone), 12, "$muted"),
        Content.styled(f"{GLYPHS[event.outcome]} ", TONES[event.outcome]),
        cell(event.outcome, 8, TONES[event.outcome]),
        cell(event.action, 19, "bold" if chosen else ""),
        " ",
        cell(line.shown.actor, 9),
        " ",
        Content.styled(" ".join(filter(None, (object_of(line), event.code))), "$muted"),
    )
