"""The suppliers of a run, the worst verdicts first; or, after a dry run, the rows that would be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.pilot import look_of, plan_of, shown_run
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.widgets.pilot_verdicts import STATUS_MARKS
from capctl.tui.wording import count
from engine.ops.results.pilot import PlannedRow
from engine.ops.results.pilot_look import SupplierRow

SHORT: Final = 12
"""Digits of a keyed hash that tell two suppliers apart by eye."""
ROOMY_WIDTH: Final = 56
"""From here on the title names the run."""
WHEEL: Final = 3
"""Rows a turn of the wheel."""


class PilotSuppliers(Panel, can_focus=True):
    """A list to scroll. It holds a part of a long run only, and asks for another with `Scrolled`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_rows(-1)", "Scroll the suppliers up", id="suppliers.up"),
        Binding("down,j", "scroll_rows(1)", "Scroll the suppliers down", id="suppliers.down"),
        Binding("pageup", "scroll_rows(-20)", "Scroll twenty up", id="suppliers.page_up"),
        Binding("pagedown", "scroll_rows(20)", "Scroll twenty down", id="suppliers.page_down"),
        Binding("home", "scroll_rows(-1000000000)", "Go to the first supplier", id="suppliers.first"),
        Binding("end", "scroll_rows(1000000000)", "Go to the last supplier", id="suppliers.last"),
    ]

    top: reactive[int] = reactive(0)
    """The first row shown, counted from the first there is."""

    class Scrolled(Message):
        """Other rows are looked at.

        Attributes:
            top: The first row shown.
        """

        def __init__(self, top: int) -> None:
            super().__init__()
            self.top = top

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw as many rows as fit, below a title that says which they are."""
        plan = plan_of(state)
        if plan is not None and plan.planned is not None:
            planned = plan.planned
            note = f"{plan.run_id}, dry run"
            return self._drawn(note, len(planned), lambda i: _planned(planned[i], size.width), size)
        look, run = look_of(state), shown_run(state)
        if look is None or run is None:
            title = heading("Suppliers", "", size.width)
            return page([title, Content.styled("none verified yet", "$muted")])
        known = {look.offset + i: found for i, found in enumerate(look.rows)}
        return self._drawn(run.run_id, look.matching, lambda i: _supplier(known.get(i), size.width), size)

    def watch_top(self, top: int) -> None:
        """Show other rows, and ask for those that are not here."""
        self.post_message(self.Scrolled(top))
        self.show_state(self.room.state)

    def action_scroll_rows(self, rows: int) -> None:
        """Scroll, within the rows there are."""
        self.top = max(0, min(self.top + rows, self._count(self.room.state) - max(1, self.size.height - 1)))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self.action_scroll_rows(WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self.action_scroll_rows(-WHEEL)

    def _count(self, state: ConsoleState) -> int:
        plan, look = plan_of(state), look_of(state)
        if plan is not None and plan.planned is not None:
            return len(plan.planned)
        return look.matching if look else 0

    def _drawn(self, note: str, total: int, line: Callable[[int], Content], size: Size) -> Content:
        first = min(self.top, max(0, total - 1))
        last = min(total, first + max(0, size.height - 1))
        here = f"{count(first + 1)} of {count(total)}" if total else "none"
        lines = [heading("Suppliers", f"{here}  {note}" if size.width >= ROOMY_WIDTH else here, size.width)]
        return page([*lines, *(line(i) for i in range(first, last))])


def short_hash(pseudonym: str) -> str:
    """The beginning of a keyed hash's digits."""
    return pseudonym.rpartition(":")[2][:SHORT]


def _supplier(found: SupplierRow | None, width: int) -> Content:
    if found is None:
        return Content.styled("…", "$muted")
    rules = ", ".join(f"{rule} {reason.replace('_', ' ')}" for rule, reason in found.rules)
    state = "" if found.state == "confirmed" else f"  {found.state}"
    return row(
        *_marked(found.status),
        Content.styled(short_hash(found.supplier), "bold"),
        Content.styled(state, "$gate-hold"),
        Content.styled(f"  {rules}", "$muted"),
    ).truncate(width, ellipsis=True)


def _planned(planned: PlannedRow, width: int) -> Content:
    until = planned.content.get("ValidUntil", "")[:10]
    manifest = planned.content.get("ManifestHash", "").rpartition(":")[2][:8]
    return row(
        *_marked(planned.status),
        Content.styled(short_hash(planned.supplier), "bold"),
        f"  {planned.action}",
        Content.styled(f"  to {until}  manifest {manifest}  {planned.content.get('RulesJson', '')}", "$muted"),
    ).truncate(width, ellipsis=True)


def _marked(status: str) -> tuple[Content, Content]:
    glyph, tone = STATUS_MARKS.get(status, ("?", "$stale"))
    return Content.styled(f"{glyph} ", f"bold {tone}"), cell(status, 5, tone)
