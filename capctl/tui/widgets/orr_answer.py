"""Whether the review is signed, large; beside it what blocks and which key leads on."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import row
from capctl.tui.headline import BADGE_WIDTH, draw_headline, texts_of
from capctl.tui.orr import CHECK, under_way
from capctl.tui.orr_words import orr_headline, summary_line
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel


class OrrAnswer(Panel):
    """A badge with the answer; beside it why, what leads on, how many items are met; while probes run, how far."""

    DEFAULT_CSS = """
    OrrAnswer { height: 4; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and up to four lines beside it."""
        headline, width = orr_headline(state, self.room.zone), size.width - BADGE_WIDTH - 2
        more = _bar(state, width) or Content.styled(summary_line(state), "$muted")
        return draw_headline(headline, texts_of(headline, width, more), size)


def _bar(state: ConsoleState, width: int) -> Content | None:
    """How many probes have answered; None while none run."""
    run = under_way(state)
    if run is None or run.call.op.id != CHECK or run.current is None or not run.current.total:
        return None
    filled = round(run.current.done / run.current.total * width)
    return row(Content.styled("━" * filled, "$gate-hold"), Content.styled("─" * (width - filled), "$line"))
