"""The items of the review, area by area, each with how it stands."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.orr import FILTERS, Row, asked_now, blocking, look_of, mark_of, next_step, rows_of, states_in
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from engine.ops.results.orr_look import OrrLook
from engine.readiness.items import Severity
from engine.readiness.review import ItemState

PAGE: Final = 10
"""Lines a page key goes."""
WHEEL: Final = 3
"""Lines a turn of the wheel."""

SEVERITIES: Final = {
    Severity.HIGH: ("HIGH", "bold"),
    Severity.MEDIUM: ("med", "$muted"),
    Severity.LOW: ("low", "$muted"),
}


class OrrItems(Panel, can_focus=True):
    """A line for each area and each item; arrows choose one. Unchosen, the one that leads on is meant."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "choose(-1)", "Choose the line above", id="orr.up"),
        Binding("down,j", "choose(1)", "Choose the line below", id="orr.down"),
        Binding("pageup", f"choose(-{PAGE})", "Go ten lines up", id="orr.page_up"),
        Binding("pagedown", f"choose({PAGE})", "Go ten lines down", id="orr.page_down"),
        Binding("home", "choose(-1000)", "Go to the first line", id="orr.first"),
        Binding("end", "choose(1000)", "Go to the last line", id="orr.last"),
        Binding("left", "choose_area(-1)", "Go to the area above", id="orr.area_above"),
        Binding("right", "choose_area(1)", "Go to the area below", id="orr.area_below"),
        Binding("n", "next_blocking", "Go to the next item that blocks", id="orr.next_blocking"),
        Binding("f", "filter", "Only what blocks, what is not met, what takes a person's word, all", id="orr.filter"),
        Binding("escape", "follow", "List everything, and follow what leads on", id="orr.follow"),
        Binding("enter", "open_chosen", "Show everything about the chosen item", id="orr.open"),
    ]

    chosen_name: reactive[str] = reactive("")
    """The chosen item or area; empty follows what leads on."""
    shown: reactive[str] = reactive(FILTERS[0])
    """Which items are listed."""

    class Chosen(Message):
        """Another item or area is looked at."""

    class Opened(Message):
        """Everything about the chosen item is asked for."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the lines that fit around the chosen one."""
        look = look_of(state)
        if look is None:
            return page([heading("Items", "", size.width), Content.styled("—", "$muted")])
        rows, height = rows_of(look, self.shown), max(1, size.height - 1)
        note = "" if self.shown == FILTERS[0] else f"only: {self.shown}; f goes on"
        lines = [heading("Items", note or "n next that blocks, f filters, Enter opens", size.width)]
        if not rows:
            return page([*lines, Content.styled(f"None is {self.shown}.", "$muted")])
        place, asked = self._place(rows, state), asked_now(state)
        first = _first(place, len(rows), height)
        for number, each in enumerate(rows[first : first + height], start=first):
            drawn = _area(each, look) if each.state is None else _item(each.state, asked)
            mark = Content.styled("▸ " if number == place else "  ", "bold $chosen")
            lines.append(row(mark, drawn).truncate(size.width, ellipsis=True))
        return page(lines)

    def chosen(self, state: ConsoleState) -> Row | None:
        """The chosen line; None where there is none."""
        look = look_of(state)
        rows = rows_of(look, self.shown) if look else ()
        return rows[self._place(rows, state)] if rows else None

    def watch_chosen_name(self) -> None:
        """Show what is chosen."""
        self._tell()

    def watch_shown(self) -> None:
        """Show the other items."""
        self._tell()

    def action_choose(self, lines: int) -> None:
        """Choose another line."""
        look = look_of(self.room.state)
        if look and (rows := rows_of(look, self.shown)):
            self.chosen_name = rows[max(0, min(self._place(rows, self.room.state) + lines, len(rows) - 1))].name

    def action_choose_area(self, areas: int) -> None:
        """Choose another area; upwards first the one that the chosen item is in."""
        look, here = look_of(self.room.state), self.chosen(self.room.state)
        if look is None or here is None:
            return
        names = [each.area for each in rows_of(look, self.shown) if each.state is None]
        place = names.index(here.area) + areas + (areas < 0 and here.state is not None)
        self.chosen_name = names[max(0, min(place, len(names) - 1))]

    def action_next_blocking(self) -> None:
        """Choose the next item that blocks, after the last one the first."""
        look, here = look_of(self.room.state), self.chosen(self.room.state)
        open_items = [each.item.id for each in blocking(look)] if look else []
        if not look or not here or not open_items:
            self.room.say("Nothing keeps it from being signed.", title="Not now")
            return
        order = [each.name for each in rows_of(look, FILTERS[0])]
        later = [name for name in open_items if order.index(name) > order.index(here.name)]
        self.chosen_name = (later or open_items)[0]
        if self.chosen_name not in [each.name for each in rows_of(look, self.shown)]:
            self.shown = FILTERS[0]

    def action_filter(self) -> None:
        """List the next kind of items."""
        self.shown = FILTERS[(FILTERS.index(self.shown) + 1) % len(FILTERS)]

    def action_follow(self) -> None:
        """List everything, and follow what leads on."""
        self.chosen_name, self.shown = "", FILTERS[0]

    def action_open_chosen(self) -> None:
        """Ask for everything about it."""
        self.post_message(self.Opened())

    def on_click(self, event: Click) -> None:
        """Choose the line that was clicked; a second click opens it."""
        look = look_of(self.room.state)
        rows = rows_of(look, self.shown) if look else ()
        if event.y == 0 or not rows:
            return
        here = self._place(rows, self.room.state)
        place = _first(here, len(rows), max(1, self.size.height - 1)) + event.y - 1
        if place == here and self.chosen_name:
            self.action_open_chosen()
        elif place < len(rows):
            self.chosen_name = rows[place].name

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Go down."""
        event.stop()
        self.action_choose(WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Go up."""
        event.stop()
        self.action_choose(-WHEEL)

    def _place(self, rows: tuple[Row, ...], state: ConsoleState) -> int:
        """Where the chosen line is; where it is not listed, what leads on, else the first one."""
        step = next_step(state)
        names = [each.name for each in rows]
        wanted = (self.chosen_name, *(step.items[:1] if step else ()))
        return next((names.index(name) for name in wanted if name in names), min(1, len(rows) - 1))

    def _tell(self) -> None:
        self.show_state(self.room.state)
        self.post_message(self.Chosen())


def _first(place: int, rows: int, height: int) -> int:
    """The first line that is drawn, so that the chosen one has company on both sides."""
    return max(0, min(place - height // 2, rows - height))


def _area(each: Row, look: OrrLook) -> Content:
    states = states_in(look, each.area)
    met, blocks = sum(one.standing.is_met for one in states), sum(one.blocks for one in states)
    told = Content.styled(f"  ■ {blocks} HIGH not met" if blocks else "  ○", "$gate-closed" if blocks else "$gate-open")
    counted = Content.styled(f"  {met} of {len(states)} met", "$muted")
    return row(Content.styled(look.review.areas[each.area], "bold"), counted, told)


def _item(each: ItemState, asked: frozenset[str]) -> Content:
    mark, (severity, tone) = mark_of(each, asked), SEVERITIES[each.item.severity]
    unmet = not each.standing.is_met and each.finding is not None
    return row(
        Content.styled(f"{mark.glyph} ", f"bold {mark.tone}"),
        cell(mark.word, 9, mark.tone),
        cell(severity, 5, tone if each.blocks or each.item.severity is not Severity.HIGH else "$muted"),
        cell(each.item.id, 23, "bold" if each.blocks else ""),
        " ",
        Content.styled(each.finding.detail if unmet and each.finding else each.item.title, "$muted"),
    )
