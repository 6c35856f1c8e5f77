"""What this console has done, as the command lines that do the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from capctl.tui.drawing import heading, page, row
from capctl.tui.wording import clock_time

if TYPE_CHECKING:
    from capctl.tui.app import ControlRoom


@dataclass(frozen=True, slots=True)
class Activity:
    """One run of an operation."""

    number: int
    at: datetime
    command: str
    """The equivalent command line."""
    outcome: str = ""
    """What came of it; empty while it runs."""
    failed: bool = False


class ActivityLog(Widget):
    """The latest runs, oldest first; in one row only the latest."""

    DEFAULT_CSS = """
    ActivityLog { height: 1; width: 1fr; }
    """

    activities: reactive[tuple[Activity, ...]] = reactive(())
    """What has been run in this session."""

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.refresh()

    def render(self) -> Content:
        """Draw as many runs as there are rows."""
        width, height = self.size
        zone = cast("ControlRoom", self.app).zone
        if height <= 1:
            return _line(self.activities[-1], width, zone) if self.activities else _nothing()
        shown = self.activities[-(height - 1) :]
        return page(
            [heading("Activity", "each line works in a shell", width), *(_line(item, width, zone) for item in shown)]
            if shown
            else [heading("Activity", "", width), _nothing()]
        )


def _nothing() -> Content:
    return Content.styled("$ nothing done from this console yet", "$muted")


def _line(item: Activity, width: int, zone: tzinfo | None) -> Content:
    tone = "$gate-closed" if item.failed else "$gate-open" if item.outcome else "$gate-hold"
    mark = "■" if item.failed else "○" if item.outcome else "…"
    return row(
        Content.styled(f"{clock_time(item.at, zone)}  ", "$muted"),
        Content.styled(f"{mark} ", tone),
        item.command,
        Content.styled(f"  {item.outcome}", tone if item.failed else "$muted"),
    ).truncate(width, ellipsis=True)
