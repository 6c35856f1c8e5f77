"""Counters of one process's HTTP requests: plain integers, because they are counted thousands of times a second."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

RESULTS: Final = ("ok", "warn", "fail", "rejected", "error")
"""Every value of the label `result`: the three verdicts, a request that was refused (4xx), and an error (5xx)."""

DURATION_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.6, 1.0, 2.5, 5.0)
"""Upper bounds; 0.6 s is the objective of p95, so the share below it can be read off exactly."""

SELECTION_BOUNDS_S: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)


class Histogram:
    """Counts per bucket, and the sum."""

    __slots__ = ("bounds", "counts", "sum_s")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Not cumulative; the last one is for what lies above every bound."""
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum_s += seconds


class RequestMetrics:
    """Counts requests by result and duration. For one thread: the event loop's."""

    def __init__(self) -> None:
        self.by_result = dict.fromkeys(RESULTS, 0)
        self.duration = Histogram(DURATION_BOUNDS_S)
        self.selection = Histogram(SELECTION_BOUNDS_S)

    def observe(self, result: str, seconds: float) -> None:
        """Count one answered request."""
        self.by_result[result] += 1
        self.duration.observe(seconds)

    def observe_selection(self, seconds: float) -> None:
        """Count the time one request took to select its plan and decide."""
        self.selection.observe(seconds)
