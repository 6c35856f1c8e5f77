"""Where the evening stands, large; what to do now, and who drives."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.cutover_words import cutover_headline, driver_line
from capctl.tui.headline import BADGE_WIDTH, draw_headline, texts_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel


class CutoverAnswer(Panel):
    """A badge with the answer; beside it what to do, why, and who drives."""

    DEFAULT_CSS = """
    CutoverAnswer { height: 4; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and up to four lines beside it."""
        headline = cutover_headline(state)
        driver = Content.styled(driver_line(state), "$muted")
        return draw_headline(headline, texts_of(headline, size.width - BADGE_WIDTH - 2, driver), size)
