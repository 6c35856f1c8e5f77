"""What was done to the keys, from the audit trail."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.keys import look_of
from capctl.tui.outcomes import TONES
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, clock_time


class KeysHistory(Panel):
    """The latest attempts to change keys, newest first: who, when, and what came of it."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a line for each outcome."""
        look = look_of(state)
        records = [shown for shown in look.history if shown.record.event.outcome != "intent"] if look else []
        lines = [heading("History", "from the audit trail", size.width)]
        for shown in records:
            record, event = shown.record, shown.record.event
            lines.append(
                row(
                    Content.styled(f"{clock_time(record.at, self.room.zone)}  ", "$muted"),
                    cell(event.action.removeprefix("keys.").replace("_", "-"), 13, "bold"),
                    cell(event.outcome, 9, TONES[event.outcome]),
                    f"{shown.actor}  ",
                    Content.styled(f"{age((state.now - record.at).total_seconds())} ago  {event.code}", "$muted"),
                ).truncate(size.width, ellipsis=True)
            )
        if not records:
            lines.append(Content.styled("no key was changed yet" if look else "—", "$muted"))
        return page(lines[: size.height or None])
