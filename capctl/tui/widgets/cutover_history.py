"""Who did what to the cutover, from the audit trail."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.cutover import look_of
from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import clock_time
from engine.ops.results.audit import ShownRecord

STEP: Final = "cutover.step"
TONES: Final = {"done": "$gate-open", "refused": "$gate-hold", "failed": "$gate-closed", "intent": "$muted"}


class CutoverHistory(Panel):
    """The latest records about cutovers, newest first: when, what, and who."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a line for each record."""
        look = look_of(state)
        records = look.history if look else ()
        lines = [heading("History", "from the audit trail", size.width)]
        lines += [_line(shown, self.room.zone).truncate(size.width, ellipsis=True) for shown in records]
        if not records:
            lines.append(Content.styled("nothing was done yet" if look else "—", "$muted"))
        return page(lines[: size.height or None])


def _line(shown: ShownRecord, zone: tzinfo | None) -> Content:
    record, event = shown.record, shown.record.event
    is_step = event.action == STEP
    return row(
        Content.styled(f"{clock_time(record.at, zone)}  ", "$muted"),
        cell(event.object.rpartition("/")[2] if is_step else event.action, 18, "" if is_step else "bold"),
        # That a step was kept in the plan says nothing of how it ended.
        cell("step" if is_step else event.outcome, 9, "$muted" if is_step else TONES[event.outcome]),
        Content.styled(f"{shown.actor}  {event.code}", "$muted"),
    )
