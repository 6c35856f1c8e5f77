"""What has happened to this rollout, whoever did it."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import NOTHING, clock_time, percent


class HistoryPanel(Panel):
    """The latest transitions, newest first."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a line for each transition."""
        lines = [heading("History", "", size.width)]
        entries = state.snapshot.history if state.snapshot else ()
        for entry in entries:
            bad = entry.action == "rollback"
            glass = (Content.styled("  BREAK-GLASS", "bold $gate-closed"),) if entry.break_glass else ()
            lines.append(
                row(
                    Content.styled(f"{clock_time(entry.at, self.room.zone)}  ", "$muted"),
                    cell(entry.action, 10, "bold $gate-closed" if bad else "bold"),
                    cell(percent(entry.percent), 6, right=True),
                    *glass,
                    Content.styled(f"  {entry.actor}", "$muted"),
                    Content.styled(f"  {entry.reason}", "$muted"),
                ).truncate(size.width, ellipsis=True)
            )
        if not entries:
            lines.append(Content.styled("nothing yet" if state.snapshot else NOTHING, "$muted"))
        return page(lines[: size.height] if size.height else lines)
