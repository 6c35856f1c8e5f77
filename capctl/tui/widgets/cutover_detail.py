"""Everything about one step: what it showed, what it must show, who said go, and the way back."""

from __future__ import annotations

import textwrap
from datetime import tzinfo
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.cutover import Row, name_of, rows_of
from capctl.tui.drawing import heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.cutover_steps import CutoverSteps
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import clock_time, duration, sentence

ROOMY: Final = 8
"""Rows from which on everything is shown at once."""
LABEL: Final = 10
"""Cells of the names at the left."""


class CutoverDetail(Panel):
    """The chosen step: in few rows the evidence and the way back, in many all there is."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw what fits."""
        chosen = self.screen.query_one(CutoverSteps).chosen(state)
        if chosen is None:
            return heading("Step", "", size.width)
        roomy = size.height >= ROOMY
        note = f"step {chosen.number} of {len(rows_of(state))}{'' if roomy else ', Enter shows all'}"
        lines = [heading(chosen.kind.title, note, size.width)]
        told = details(chosen, state, self.room.zone)
        if not roomy:
            told = [("showed" if chosen.step.evidence else "needs", _showed(chosen)), *told[-2:]]
        for label, text in told:
            lines += labelled(label, text, size.width)
        return page(lines[: size.height or None])


def details(chosen: Row, state: ConsoleState, zone: tzinfo | None) -> list[tuple[str, str]]:
    """Everything about a step, as names and texts; the way back and the command are the last two."""
    step, kind = chosen.step, chosen.kind
    told = [("state", _standing(chosen, state, zone))]
    if step.evidence:
        told.append(("showed", step.evidence))
    told.append(("needs", sentence(f"{kind.proof}.")))
    told.append(("go", _go(chosen, state)))
    told.append(("way back", f"capctl {kind.way_back}; b stops enforcing" if kind.way_back else "It changes nothing."))
    told.append(("by hand", f"capctl {kind.command}"))
    return told


def labelled(label: str, text: str, width: int) -> list[Content]:
    """A name, and its text wrapped beside it."""
    wrapped = textwrap.wrap(text, max(10, width - LABEL), break_on_hyphens=False) or [""]
    return [
        row(Content.styled(f"{label if place == 0 else '':<{LABEL}}", "$muted"), line)
        for place, line in enumerate(wrapped)
    ]


def _showed(chosen: Row) -> str:
    return chosen.step.evidence or sentence(f"{chosen.kind.proof}.")


def _standing(chosen: Row, state: ConsoleState, zone: tzinfo | None) -> str:
    step, word = chosen.step, f"{chosen.mark.glyph} {chosen.mark.word}"
    if step.at is None or chosen.told:
        return word
    ago = duration((state.now - step.at).total_seconds())
    again = f", attempt {step.attempts}" if step.attempts > 1 else ""
    return f"{word} since {clock_time(step.at, zone)} ({ago}), by {name_of(step.actor, state)}{again}"


def _go(chosen: Row, state: ConsoleState) -> str:
    if not chosen.kind.needs_go:
        return "It begins by itself once the step before it is done."
    return f"Said by {name_of(chosen.step.go, state)}." if chosen.step.go else "A person says go before it: g asks."
