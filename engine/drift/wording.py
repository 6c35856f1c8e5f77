"""Numbers as a tired person reads them: counts, shares, durations."""

from __future__ import annotations

import math

from engine.drift.report import Basis

_EVENTS = {
    ("drift", "enforced"): "enforced requests drifted",
    ("drift", "preview"): "requests would have drifted",
    ("over_block", "enforced"): "enforced requests were over-blocked",
    ("over_block", "preview"): "requests would have been over-blocked",
    ("under_block", "enforced"): "enforced requests were under-blocked",
    ("under_block", "preview"): "requests would have been under-blocked",
    ("unknown", "enforced"): "enforced requests could not be compared",
    ("unknown", "preview"): "requests could not have been compared",
}


def events(name: str, basis: Basis, mismatches: int, n: int) -> str:
    """What was counted: `3 of 1,203 enforced requests drifted`."""
    return f"{mismatches:,} of {n:,} {_EVENTS[name, basis]}"


def share(ratio: float) -> str:
    """A share as a percentage with three significant digits: `0.5 %`, `12.3 %`."""
    return f"{_short(ratio * 100)} %"


def duration(seconds: float) -> str:
    """A duration in its largest fitting unit, rounded up: `40 s`, `2 min`, `3 h`."""
    if not math.isfinite(seconds):
        return "an unknown time"
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    if seconds < 5400:
        return f"{math.ceil(seconds / 60)} min"
    return f"{math.ceil(seconds / 3600)} h"


def latency(seconds: float) -> str:
    """A latency: `43 ms`, `1.2 s`."""
    if not math.isfinite(seconds):
        return "more than a minute"
    return f"{_short(seconds * 1000)} ms" if seconds < 1 else f"{_short(seconds)} s"


def outlook(needed: int, rate_per_s: float) -> str:
    """What is still missing, and how long it may take: `489 more clean ones needed, about 2 min at 4/s`."""
    missing = f"{needed:,} more clean ones needed"
    if not (math.isfinite(rate_per_s) and rate_per_s > 0):
        return f"{missing}, and none is coming in"
    return f"{missing}, about {duration(needed / rate_per_s)} at {_short(rate_per_s)}/s"


def _short(number: float) -> str:
    """Three significant digits, and never an exponent for a large number."""
    return f"{number:.3g}" if number < 999.5 else f"{number:,.0f}"
