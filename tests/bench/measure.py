"""Measuring side by side: what is compared runs in alternating blocks in one process, so that noise hits all alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

BLOCK_S = 0.005
BLOCKS = 200


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one call of something took."""

    best_us: float
    """In the best block."""
    median_us: float
    """Over the blocks."""
    ratio: float
    """Median over the blocks of this one's time over the baseline's in the same round."""


def alternate(
    baseline: str, work: Mapping[str, Callable[[], object]], *, calls: int = 1, blocks: int = BLOCKS
) -> dict[str, Timing]:
    """Measure each piece of work in CPU time.

    Args:
        baseline: The one the others are compared with.
        work: What to run, by name.
        calls: How many calls one run makes; times are per call.
        blocks: How many rounds.
    """
    repeats = {name: _repeats(run) for name, run in work.items()}
    times: dict[str, list[float]] = {name: [] for name in work}
    gc.collect()
    gc.disable()
    try:
        for _ in range(blocks):
            for name, run in work.items():
                times[name].append(_block_us(run, repeats[name]) / calls)
    finally:
        gc.enable()
    base = times[baseline]
    return {
        name: Timing(min(own), median(own), median(a / b for a, b in zip(own, base, strict=True)))
        for name, own in times.items()
    }


def table(timings: Mapping[str, Timing], heading: str, against: str) -> str:
    """A Markdown table of timings."""
    lines = [f"| {heading} | best µs | median µs | × {against} |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {name} | {t.best_us:.2f} | {t.median_us:.2f} | {t.ratio:.2f} |" for name, t in timings.items()]
    return "\n".join(lines)


def _repeats(run: Callable[[], object]) -> int:
    once_us = max(_block_us(run, 1), 0.1)
    return max(1, round(BLOCK_S * 1e6 / once_us))


def _block_us(run: Callable[[], object], repeats: int) -> float:
    run()  # not counted: what ran before left the caches full of its own data, and only some have such a neighbour
    start = time.process_time_ns()
    for _ in range(repeats):
        run()
    return (time.process_time_ns() - start) / 1_000 / repeats
