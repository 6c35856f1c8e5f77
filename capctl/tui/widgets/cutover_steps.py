"""The evening as one plan: a line for each step, with its state, its time, and what it showed."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive

from capctl.tui.cutover import SCREEN, TO_COME, Row, current_place, is_stale, name_of, rows_of
from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, clock_time, duration
from engine.cutover.plan import StepState
from engine.cutover.steps import ENFORCE

ROOMY: Final = 90
"""Cells from which on it is told who did a step."""
BAR: Final = 20
"""Most cells of a bar of progress."""


class CutoverSteps(Panel, can_focus=True):
    """A line for each step; the mark follows the present one until arrows choose another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "choose_step(-1)", "Look at the step before", id="cutover.up"),
        Binding("down,j", "choose_step(1)", "Look at the step after", id="cutover.down"),
        Binding("enter", "open_step", "Show everything about the step", id="cutover.open"),
        Binding("escape", "follow", "Look at the present step again, and follow it", id="cutover.follow"),
    ]

    place: reactive[int | None] = reactive(None)
    """Which step is chosen, counted from 0; None follows the present one."""

    class StepChosen(Message):
        """Another step is looked at."""

    class StepOpened(Message):
        """Everything about the chosen step is wanted."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the steps that fit around the chosen one."""
        rows = rows_of(state)
        done = sum(each.step.state is StepState.DONE for each in rows)
        known = f"? last known {age(state.reading(SCREEN).age_s(state.monotonic_s))} ago: " if is_stale(state) else ""
        lines = [heading("The evening", f"{known}{done} of {len(rows)} steps done", size.width)]
        chosen, height = self._place(rows), max(1, size.height - 1)
        first = max(0, min(chosen - height + 1, len(rows) - height))
        for place, each in list(enumerate(rows))[first : first + height]:
            line = _line(each, state, size.width, self.room.zone, chosen=place == chosen)
            lines.append(line.truncate(size.width, ellipsis=True))
        return page(lines)

    def chosen(self, state: ConsoleState) -> Row | None:
        """The step that is looked at."""
        rows = rows_of(state)
        return rows[self._place(rows)] if rows else None

    def watch_place(self) -> None:
        """Show what is chosen."""
        self.show_state(self.room.state)
        self.post_message(self.StepChosen())

    def action_choose_step(self, lines: int) -> None:
        """Choose another step."""
        rows = rows_of(self.room.state)
        self._choose(self._place(rows) + lines, rows)

    def action_open_step(self) -> None:
        """Ask for everything about the chosen step."""
        self.post_message(self.StepOpened())

    def action_follow(self) -> None:
        """Follow the present step."""
        self.place = None

    def on_click(self, event: Click) -> None:
        """Choose the step that was clicked; a second click opens it."""
        rows = rows_of(self.room.state)
        height = max(1, self.size.height - 1)
        first = max(0, min(self._place(rows) - height + 1, len(rows) - height))
        clicked = first + event.y - 1
        if event.y < 1 or clicked >= len(rows):
            return
        if clicked == self._place(rows):
            self.action_open_step()
        else:
            self._choose(clicked, rows)

    def _place(self, rows: tuple[Row, ...]) -> int:
        return current_place(rows) if self.place is None else min(self.place, max(0, len(rows) - 1))

    def _choose(self, place: int, rows: tuple[Row, ...]) -> None:
        if rows:
            self.place = max(0, min(place, len(rows) - 1))


def _line(each: Row, state: ConsoleState, width: int, zone: tzinfo | None, *, chosen: bool) -> Content:
    mark, step = each.mark, each.step
    title = "bold" if chosen else "$muted" if mark is TO_COME else ""
    parts = [
        Content.styled("▸ " if chosen else "  ", "bold $chosen"),
        Content.styled(f"{each.number:>2} ", "$muted"),
        cell(each.kind.title, 17, title),
        Content.styled(f"{mark.glyph} {mark.word:<8} ", mark.tone if mark is TO_COME else f"bold {mark.tone}"),
    ]
    # What is to come has no time, and leaves its cells to what it will need.
    if step.at:
        parts.append(cell(clock_time(step.at, zone), 9, "$muted"))
    if width >= ROOMY:
        parts.append(cell(name_of(step.actor, state), 12, "$muted") if step.at else Content(" " * 21))
    rest = width - sum(part.cell_length for part in parts)
    return row(*parts, _shown(each, rest))


def _shown(each: Row, width: int) -> Content:
    """What a step showed; while it runs how far it is, and before it what it will need."""
    if each.told and each.told.total:
        return _bar(each.told.done, each.told.total, width)
    if each.told:
        waited = f"{duration(each.told.done)}: " if each.told.step.startswith(ENFORCE) else ""
        return Content.styled(f"{waited}{each.told.message}", "$gate-hold")
    if each.step.evidence:
        return Content.styled(each.step.evidence, "" if each.step.state is StepState.DONE else f"bold {each.mark.tone}")
    asked = "asks you; " if each.kind.needs_go else ""
    return Content.styled(f"{asked}{each.kind.proof}", "$muted")


def _bar(done: int, total: int, width: int) -> Content:
    note = f" {done} of {total}"
    cells = max(0, min(BAR, width - len(note)))
    filled = min(cells, round(done / total * cells))
    return row(Content.styled("━" * filled, "$gate-hold"), Content.styled("─" * (cells - filled), "$line"), f"{note}")
