"""What the gate asks, one condition a line: answer, value, limit; and in a large terminal the sentence behind it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import GLYPHS, TONES, cell, heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import NOTHING, age, count, duration, latency, sentence, share
from engine.drift.gate import Answer, Condition, GateReport


def _whole(value: float | None) -> str:
    return NOTHING if value is None else count(round(value))


_SPELLING: Final[dict[str, tuple[str, Callable[[float | None], str], str]]] = {
    "source": ("Data age", age, "≤"),
    "hold_time": ("Time on step", duration, "≥"),
    "samples": ("Requests", _whole, "≥"),
    "drift": ("Drift", share, "≤"),
    "window_5m": ("5-min drift", share, "≤"),
    "errors_5xx": ("5xx answers", share, "<"),
    "latency_p95": ("p95 latency", latency, "<"),
    "noise": ("A/A floor", share, "<"),
    "over_block": ("Over-block", share, "≤"),
    "under_block": ("Under-block", share, "≤"),
    "unknown": ("Unknown", share, "≤"),
}
"""Label, spelling of the number and relation for each condition of `engine.drift.gate`."""

ROOMY_WIDTH: Final = 48
"""From here on a condition's sentence stands below it."""


class Conditions(Panel):
    """The gate's conditions in their fixed order: the same one is always found in the same place."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a line for each condition; where there is room, a sentence below each that is not met."""
        gate = state.gate
        title = heading("Gate", _evidence(gate) if gate and not state.stale else "", size.width)
        if gate is None:
            return page(
                [title, Content.styled("asked once a rollout is started" if state.snapshot else NOTHING, "$muted")]
            )
        lines = [title]
        for condition in gate.conditions:
            lines.append(condition_line(condition, size.width, stale=state.stale))
            if size.width >= ROOMY_WIDTH and condition.answer is not Answer.OPEN and not state.stale:
                lines += _explained(condition, size.width)
        return page(_fitted(lines, size.height))


def label(condition: Condition) -> str:
    """What a condition is called on the screen."""
    return _SPELLING[condition.name][0] if condition.name in _SPELLING else condition.name.replace("_", " ")


def _explained(condition: Condition, width: int) -> list[Content]:
    lines = textwrap.wrap(sentence(condition.detail), width - 2)
    return [Content.styled(f"  {line}", "$muted") for line in lines]


def condition_line(condition: Condition, width: int, *, stale: bool) -> Content:
    """A condition as a row: glyph, label, value, limit. Stale: neither answer nor value."""
    _, spell, relation = _SPELLING.get(condition.name, ("", share, "≤"))
    value = NOTHING if stale else spell(condition.value)
    limit = "" if condition.limit is None else f"{relation} {spell(condition.limit)}"
    tone = "$stale" if stale else TONES[condition.answer]
    return row(
        Content.styled("? " if stale else f"{GLYPHS[condition.answer]} ", f"bold {tone}"),
        cell(label(condition), 13, "" if stale or condition.answer is Answer.OPEN else tone),
        cell(value, 9, "$stale" if stale else "bold", right=True),
        cell(limit, 10, "$muted", right=True),
    ).truncate(width, ellipsis=True)


def _evidence(gate: GateReport) -> str:
    kind = "would differ" if gate.basis == "preview" else "differ"
    return f"{GLYPHS[gate.answer]} {gate.answer.value}: {count(gate.mismatches)} of {count(gate.n)} {kind}"


def _fitted(lines: list[Content], height: int) -> list[Content]:
    if height <= 0 or len(lines) <= height:
        return lines
    hidden = len(lines) - height + 1
    return [*lines[: height - 1], Content.styled(f"  and {hidden} more: :gate check", "$muted")]
