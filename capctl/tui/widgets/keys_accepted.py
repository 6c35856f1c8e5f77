"""The keys of a purpose: what is accepted right now and until when, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.reactive import reactive

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.keys import look_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import clock_time, duration
from engine.ops.results.keys import ShownKey

SHORT: Final = 8
"""Letters of a key id that tell two keys apart by eye."""

ROLES: Final = {
    "active": "signs",
    "announced": "does not sign yet",
    "prepared": "not published yet",
    "retiring": "signs no more",
    "retired": "ended",
    "abandoned": "given up",
    "revoked": "revoked",
}


class KeysAccepted(Panel, can_focus=True):
    """A line for each key, those that are accepted first; arrows choose one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "choose_key(-1)", "Choose the key above", id="keys.up"),
        Binding("down,j", "choose_key(1)", "Choose the key below", id="keys.down"),
    ]

    kid: reactive[str] = reactive("")
    """The key that is chosen, wherever its line goes; empty or gone: the one of the first line."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the keys that fit around the chosen one."""
        keys = listed(state)
        accepted = sum(key.accepted for key in keys)
        lines = [heading("Accepted right now", f"{accepted} of {len(keys)} keys", size.width)]
        chosen, first = self._place(keys), self._first(keys, size.height)
        for place, key in list(enumerate(keys))[first : first + max(1, size.height - 1)]:
            line = _line(key, state.now, self.room.zone, chosen=place == chosen)
            lines.append(line.truncate(size.width, ellipsis=True))
        if not keys:
            lines.append(Content.styled("no key of this purpose", "$muted"))
        return page(lines)

    def watch_kid(self) -> None:
        """Show what is chosen."""
        self.show_state(self.room.state)

    def action_choose_key(self, lines: int) -> None:
        """Choose another key, among those there are."""
        keys = listed(self.room.state)
        self._choose(self._place(keys) + lines, keys)

    def on_click(self, event: Click) -> None:
        """Choose the key that was clicked."""
        keys = listed(self.room.state)
        place = self._first(keys, self.size.height) + event.y - 1
        if event.y > 0 and place < len(keys):
            self._choose(place, keys)

    def chosen(self, state: ConsoleState) -> ShownKey | None:
        """The chosen key."""
        keys = listed(state)
        return keys[self._place(keys)] if keys else None

    def _first(self, keys: Sequence[ShownKey], height: int) -> int:
        """The first line that is drawn, so that the chosen one is among them."""
        rows = max(1, height - 1)
        return max(0, min(self._place(keys) - rows + 1, len(keys) - rows))

    def _place(self, keys: Sequence[ShownKey]) -> int:
        return next((place for place, key in enumerate(keys) if key.kid == self.kid), 0)

    def _choose(self, place: int, keys: Sequence[ShownKey]) -> None:
        if keys:
            self.kid = keys[max(0, min(place, len(keys) - 1))].kid


def listed(state: ConsoleState) -> tuple[ShownKey, ...]:
    """The keys of the purpose that is shown: the one that signs, others that count, those to come, the rest."""
    look = look_of(state)
    if look is None:
        return ()
    own = [key for key in look.keys.keys if key.purpose == look.purpose]
    waiting = ("prepared", "announced")
    newest_first = sorted(own, key=lambda key: key.not_before, reverse=True)
    return tuple(sorted(newest_first, key=lambda key: (not key.signs, not key.accepted, key.status not in waiting)))


def _line(key: ShownKey, now: datetime, zone: tzinfo | None, *, chosen: bool) -> Content:
    glyph, word, tone = ("○", "accepted", "$gate-open") if key.accepted else ("■", "refused", "$muted")
    if key.status == "revoked":
        tone = "$gate-closed"
    if key.status == "prepared":
        glyph, word, tone = "…", "not yet", "$gate-hold"
    return row(
        Content.styled("▸ " if chosen else "  ", "bold $chosen"),
        Content.styled(f"{glyph} {word:<9}", f"bold {tone}"),
        cell(key.kid[:SHORT] + "…", SHORT + 2, "bold" if chosen or key.signs else ""),
        cell(ROLES[key.status], 18, "bold" if key.signs else ""),
        cell(_until(key, now, zone), 27),
        Content.styled(f"{duration((now - key.not_before).total_seconds())} old", "$muted"),
    )


def _until(key: ShownKey, now: datetime, zone: tzinfo | None) -> str:
    if key.verify_until is None:
        return "no end set" if key.accepted else ""
    left_s = (key.verify_until - now).total_seconds()
    at = clock_time(key.verify_until, zone)
    return f"until {at}, {duration(left_s)} left" if left_s > 0 else f"ended {duration(-left_s)} ago"
