"""What was done with backups and drills, from the audit trail."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.outcomes import TONES
from capctl.tui.recovery import look_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, clock_time


class RecoveryHistory(Panel):
    """The latest attempts, newest first: who, when, and what came of it."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a line for each outcome."""
        look = look_of(state)
        attempts = look.attempts if look else ()
        lines = [heading("History", "from the audit trail", size.width)]
        for shown in attempts:
            record, event = shown.record, shown.record.event
            lines.append(
                row(
                    Content.styled(f"{clock_time(record.at, self.room.zone)}  ", "$muted"),
                    cell(event.action.replace(".", " "), 16, "bold"),
                    cell(event.outcome, 9, TONES[event.outcome]),
                    f"{shown.actor}  ",
                    Content.styled(f"{age((state.now - record.at).total_seconds())} ago  {event.code}", "$muted"),
                ).truncate(size.width, ellipsis=True)
            )
        if not attempts:
            lines.append(Content.styled("nothing was backed up or rehearsed yet" if look else "—", "$muted"))
        return page(lines[: size.height or None])
