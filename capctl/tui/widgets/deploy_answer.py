"""Where the release stands, large; and below it how far a change is."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.deploy_words import deploy_headline, place_line
from capctl.tui.headline import BADGE_WIDTH, draw_headline, texts_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel


class DeployAnswer(Panel):
    """A badge with the answer; beside it what to do, why, the target, and how old the look is."""

    DEFAULT_CSS = """
    DeployAnswer { height: 4; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and up to four lines beside it."""
        headline = deploy_headline(state)
        place = Content.styled(place_line(state), "$muted")
        return draw_headline(headline, texts_of(headline, size.width - BADGE_WIDTH - 2, place), size)
