"""Whether the trail is what was recorded, large; below it which part of it is shown."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.audit import Wanted, audit_headline, moment, signed_line
from capctl.tui.headline import BADGE_WIDTH, draw_headline, texts_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from engine.clock import from_rfc3339

KEYS: Final = (("a", "action"), ("o", "outcome"), ("u", "actor"), ("i", "object"), ("s", "since"), ("f", "type them"))
"""The keys of the filters, with what each of them sets."""


class AuditAnswer(Panel):
    """A badge with the answer; beside it where and why, how far checkpoints reach, and how old the look is."""

    DEFAULT_CSS = """
    AuditAnswer { height: 4; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and up to four lines beside it."""
        headline = audit_headline(state)
        signed = Content.styled(signed_line(state), "$muted")
        return draw_headline(headline, texts_of(headline, size.width - BADGE_WIDTH - 2, signed), size)


class AuditFilters(Panel):
    """One line: what is filtered by; without a filter, which key filters by what."""

    DEFAULT_CSS = """
    AuditFilters { height: 1; }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._wanted = Wanted()

    def show(self, wanted: Wanted) -> None:
        """Say what is filtered by from now on."""
        self._wanted = wanted
        self.show_state(self.room.state)

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the filters that are set, or the keys."""
        named = self._set(state)
        if not named:
            hints = [part for key, word in KEYS for part in ((key, "bold $chosen"), (f" {word}   ", "$muted"))]
            return Content.assemble(("Everything   ", "bold"), *hints).truncate(size.width)
        parts = [part for name, value in named for part in ((f" {name} ", "$muted"), (f" {value} ", "bold reverse"))]
        ending = (("   c", "bold $chosen"), (" clears", "$muted"))
        room = size.width - sum(len(text) for text, _ in ending)
        shown = Content.assemble(("Only", "bold $gate-hold"), *parts).truncate(room, ellipsis=True)
        return Content.assemble(shown, *ending)

    def _set(self, state: ConsoleState) -> list[tuple[str, str]]:
        wanted = self._wanted
        times = {"since": wanted.since, "until": wanted.until}
        told = {name: moment(from_rfc3339(at), state.now, self.room.zone) for name, at in times.items() if at}
        named = {"action": wanted.action, "outcome": wanted.outcome, "actor": wanted.actor, "object": wanted.object}
        return [(name, value) for name, value in {**named, **told}.items() if value]
