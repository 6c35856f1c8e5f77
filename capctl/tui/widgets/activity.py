"""What this console has done, as the command lines that do the same."""

from __future__ import annotations

from datetime import tzinfo

from textual.content import Content
from textual.geometry import Size

from capctl.tui.activities import Activity
from capctl.tui.command_line import spell
from capctl.tui.drawing import heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import clock_time
from engine.settings import DEFAULT_ENVIRONMENT


class ActivityLog(Panel):
    """The latest runs, oldest first; in one row only the latest."""

    DEFAULT_CSS = """
    ActivityLog { height: 1; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw as many runs as there are rows."""
        zone = self.room.zone
        if size.height <= 1:
            return _line(state.activities[-1], state.env, size.width, zone) if state.activities else _nothing()
        shown = state.activities[-(size.height - 1) :]
        return page(
            [
                heading("Activity", "each line works in a shell", size.width),
                *(_line(item, state.env, size.width, zone) for item in shown),
            ]
            if shown
            else [heading("Activity", "", size.width), _nothing()]
        )


def _nothing() -> Content:
    return Content.styled("$ nothing done from this console yet", "$muted")


def _line(item: Activity, env: str, width: int, zone: tzinfo | None) -> Content:
    failed = item.error is not None
    tone = "$gate-closed" if failed else "$gate-hold" if item.is_running else "$gate-open"
    mark = "■" if failed else "…" if item.is_running else "○"
    return row(
        Content.styled(f"{clock_time(item.at, zone)}  ", "$muted"),
        Content.styled(f"{mark} ", tone),
        spell(item.call, env="" if env == DEFAULT_ENVIRONMENT else env),
        Content.styled(f"  {item.outcome}", tone if failed else "$muted"),
    ).truncate(width, ellipsis=True)
