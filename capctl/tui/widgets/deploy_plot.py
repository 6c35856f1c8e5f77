"""A plot in cells: a value over time, with its limit, on a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from textual.content import Content

from capctl.tui.drawing import row

LEVELS: Final = "▁▂▃▄▅▆▇█"
LABEL: Final = 9
"""Cells of the labels at the left."""


def plot(
    values: Sequence[float | None], width: int, height: int, *, limit: float | None, label: str, tone: str = "$drift-ok"
) -> list[Content]:
    """Draw a value over time, oldest at the left; where there are more values than cells a cell shows the largest.

    Args:
        values: Oldest first, >= 0; None leaves a gap.
        width: In cells, the labels included.
        height: In rows.
        limit: Cells from it on take the tone of a broken limit; None for no limit.
        label: What the top of the scale is, at most eight cells.
        tone: Of a value below the limit.
    """
    shown = fitted(values, max(1, width - LABEL))
    top = max((value for value in shown if value is not None), default=0.0) or 1.0
    rows = []
    for level in range(height - 1, -1, -1):
        cells = [
            Content.styled("·" if level == 0 else " ", "$line")
            if value is None
            else _cell(
                round(value / top * height * len(LEVELS)) - level * len(LEVELS),
                tone="$drift-bad" if limit is not None and value >= limit else tone,
                is_bottom=level == 0,
            )
            for value in shown
        ]
        text = label if level == height - 1 else "0" if level == 0 else ""
        rows.append(row(Content.styled(f"{text:>{LABEL - 1}} ", "$muted"), *cells))
    return rows


def fitted(values: Sequence[float | None], cells: int) -> list[float | None]:
    """As many values as there are cells: several of them in one by their largest, so that no peak is lost."""
    if len(values) <= cells:
        return list(values)
    bounds = [round(place * len(values) / cells) for place in range(cells + 1)]
    parts = [values[first:last] for first, last in pairwise(bounds)]
    return [max((value for value in part if value is not None), default=None) for part in parts]


def _cell(eighths: int, *, tone: str, is_bottom: bool) -> Content:
    if eighths >= 1:
        return Content.styled(LEVELS[min(eighths, len(LEVELS)) - 1], tone)
    return Content.styled(LEVELS[0] if is_bottom else " ", tone)
