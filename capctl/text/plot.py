"""A course of numbers in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇█"
UNKNOWN: Final = "·"


def sparkline(values: Sequence[float | None], *, width: int, top: float | None = None) -> str:
    """Values as bars, the highest of each stretch where there are more values than columns.

    Args:
        values: In order; None for what is not known.
        width: Columns at most.
        top: The value of a full bar; the largest value when None.
    """
    columns = [_highest(chunk) for chunk in _stretches(values, width)]
    highest = top if top is not None else max((value for value in columns if value is not None), default=0.0)
    return "".join(UNKNOWN if value is None else _bar(value, highest) for value in columns)


def _stretches(values: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    count = min(width, len(values))
    edges = [round(number * len(values) / count) for number in range(count + 1)] if count else []
    return [values[start:end] for start, end in pairwise(edges)]


def _highest(chunk: Sequence[float | None]) -> float | None:
    return max((value for value in chunk if value is not None), default=None)


def _bar(value: float, highest: float) -> str:
    share = min(value / highest, 1.0) if highest > 0 else 0.0
    return BARS[round(share * (len(BARS) - 1))]
