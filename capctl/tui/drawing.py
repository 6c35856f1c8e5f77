"""The strokes every panel is drawn with: cells, rows, gauges, traces. Colours by meaning only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from textual.content import Content

from engine.drift.gate import Answer

GLYPHS: Final = {Answer.OPEN: "○", Answer.HOLD: "…", Answer.CLOSED: "■"}
"""The gate's answers for eyes that do not see its colours."""

TONES: Final = {Answer.OPEN: "$gate-open", Answer.HOLD: "$gate-hold", Answer.CLOSED: "$gate-closed"}

_LEVELS: Final = "▁▂▃▄▅▆▇█"


def cell(text: str, width: int, style: str = "", *, right: bool = False) -> Content:
    """Text in a cell of a table, cut with an ellipsis where it is too long."""
    fitted = text if len(text) <= width else text[: max(0, width - 1)] + "…"
    return Content.styled(fitted.rjust(width) if right else fitted.ljust(width), style)


def row(*cells: Content | str) -> Content:
    """One line of cells."""
    return Content("").join([part if isinstance(part, Content) else Content(part) for part in cells])


def page(lines: Iterable[Content]) -> Content:
    """Lines below each other."""
    return Content("\n").join(lines)


def heading(text: str, note: str, width: int) -> Content:
    """The title of a panel: a word, a quiet note, and a rule to the panel's edge."""
    title = row(Content.styled(text, "bold"), Content.styled(f"  {note}" if note else "", "$muted"))
    return row(title, " ", Content.styled("─" * max(0, width - title.cell_length - 1), "$line")).truncate(width)


def severity(value: float, limit: float) -> str:
    """The tone of a measured share: calm up to half its limit, a warning up to the limit, bad above it."""
    if value > limit:
        return "$drift-bad"
    return "$drift-warn" if value > limit / 2 else "$drift-ok"


def gauge(value: float | None, limit: float, width: int) -> Content:
    """A bar from 0 to twice the limit, with the limit as a mark in the middle.

    Args:
        value: What was measured; None draws the empty scale.
        limit: Where the mark stands; > 0.
        width: In cells.
    """
    middle = width // 2
    filled = 0 if value is None else min(width, round(value / (2 * limit) * width))
    if value is not None and value > limit:
        filled = max(filled, middle + 1)
    tone = "$line" if value is None else severity(value, limit)
    before, after = min(filled, middle), max(0, filled - middle - 1)
    return row(
        Content.styled("━" * before, tone),
        Content.styled("─" * (middle - before), "$line"),
        Content.styled("┃", "bold $drift-bad" if filled > middle else "$muted"),
        Content.styled("━" * after, tone),
        Content.styled("─" * (width - middle - 1 - after), "$line"),
    )


def trace(values: Sequence[float | None], limit: float, width: int, height: int = 1) -> list[Content]:
    """A trace of a share over time, newest at the right; twice the limit is the top.

    Args:
        values: Oldest first; None leaves a gap.
        limit: Above it cells take the tone of a broken limit; in a trace of several rows a dashed line marks it.
        width: In cells; the newest values that fit are drawn.
        height: In rows.
    """
    shown = [*([None] * (width - len(values))), *values[-width:]]
    return [_trace_row(shown, limit, height, level) for level in range(height - 1, -1, -1)]


def _trace_row(values: Sequence[float | None], limit: float, height: int, level: int) -> Content:
    steps = len(_LEVELS)
    empty = "╌" if height > 1 and level == height // 2 else " "
    parts: list[Content] = []
    for value in values:
        eighths = 0 if value is None else round(min(1.0, value / (2 * limit)) * height * steps)
        here = min(steps, eighths - level * steps)
        if value is not None and here >= 1:
            parts.append(Content.styled(_LEVELS[here - 1], severity(value, limit)))
        elif value is not None and level == 0:
            parts.append(Content.styled(_LEVELS[0], "$drift-ok"))
        else:
            parts.append(Content.styled(empty, "$line"))
    return row(*parts)
