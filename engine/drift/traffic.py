"""HTTP answers as a verifier counts them: how many, how many 5xx, how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from engine.drift.sample import LATENCY_BOUNDS_S, Traffic
from engine.drift.windows import CELL_S, Ring

_SLOTS: Final = 1 + len(LATENCY_BOUNDS_S) + 1
"""5xx answers, then one per latency bucket and one for slower ones."""


class TrafficCounter:
    """Counts answers since the process began and over the last five minutes. Not locked: its owner is.

    Args:
        monotonic: The clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._cell = int(monotonic() // CELL_S)
        self._cell_ends = (self._cell + 1) * float(CELL_S)
        self._open = [0] * _SLOTS
        self._folded = [0] * _SLOTS
        self._ring = Ring(_SLOTS, cells_per_bucket=1)

    def add(self, status: int, seconds: float) -> None:
        """Count an answer."""
        if self._monotonic() >= self._cell_ends:
            self._fold()
        if status >= 500:
            self._open[0] += 1
        self._open[1 + bisect_left(LATENCY_BOUNDS_S, seconds)] += 1

    def ever(self) -> Traffic:
        """Since the process began."""
        return _traffic(self._folded, self._open)

    def recent(self) -> Traffic:
        """Of the last five minutes, cut as `engine.drift.windows` cuts them."""
        if self._monotonic() >= self._cell_ends:
            self._fold()
        self._ring.move_to(self._cell)
        return _traffic(self._ring.total, self._open)

    def _fold(self) -> None:
        self._ring.add(self._cell, self._open)
        self._folded = [a + b for a, b in zip(self._folded, self._open, strict=True)]
        self._open = [0] * _SLOTS
        self._cell = max(self._cell, int(self._monotonic() // CELL_S))
        self._cell_ends = (self._cell + 1) * float(CELL_S)


def since(now: Traffic, mark: Traffic) -> Traffic:
    """What was counted after `mark` was taken from the same counter."""
    latency = tuple(a - b for a, b in zip(now.latency, mark.latency, strict=True))
    return Traffic(now.requests - mark.requests, now.errors_5xx - mark.errors_5xx, latency)


def _traffic(counted: Sequence[int], open_cell: Sequence[int]) -> Traffic:
    errors_5xx, *latency = (a + b for a, b in zip(counted, open_cell, strict=True))
    return Traffic(sum(latency), errors_5xx, tuple(latency))
