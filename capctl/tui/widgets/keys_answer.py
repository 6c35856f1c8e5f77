"""Where a rotation stands, large, and the one thing to do next."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.headline import BADGE_WIDTH, draw_headline, texts_of
from capctl.tui.keys import keys_headline, look_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, duration


class KeysAnswer(Panel):
    """A badge with the phase; beside it what to do, why, and how old the look is."""

    DEFAULT_CSS = """
    KeysAnswer { height: 4; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and up to four lines beside it."""
        headline = keys_headline(state)
        texts = texts_of(headline, size.width - BADGE_WIDTH - 2, _keyring_line(state))
        return draw_headline(headline, texts, size)


def _keyring_line(state: ConsoleState) -> Content:
    look = look_of(state)
    if look is None:
        return Content("")
    keys, seen = look.keys, age(state.reading("keys").age_s(state.monotonic_s))
    told = f"seen {seen} ago"
    if keys.expires is not None:
        told += f" · keyring {keys.version} for another {duration((keys.expires - state.now).total_seconds())}"
    return Content.styled(told, "$muted")
