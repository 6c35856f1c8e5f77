"""What a verifier reports about itself, and how reports of several are read together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from engine.drift.counts import Counts

LATENCY_BOUNDS_S: Final[tuple[float, ...]] = tuple(round(0.6 * 2 ** ((i - 25) / 2), 9) for i in range(40))
"""Upper bounds of the latency histogram: 0.1 ms to 77 s, two buckets an octave, so a quantile is within 41 %. 600 ms is
a bound itself: whether the p95 lies below that limit is known exactly."""

WINDOWS: Final[tuple[str, ...]] = ("5m", "15m", "60m")


@dataclass(frozen=True, slots=True)
class Traffic:
    """HTTP requests over some stretch of time, decided or not."""

    requests: int = 0
    errors_5xx: int = 0
    latency: tuple[int, ...] = ()
    """Requests per bucket of `LATENCY_BOUNDS_S`, plus one for slower ones; empty means none."""

    @property
    def error_ratio(self) -> float:
        """5xx answers / all answers; 0 without traffic."""
        return self.errors_5xx / self.requests if self.requests else 0.0

    def quantile_s(self, q: float) -> float | None:
        """The latency below which a share `q` of the requests stayed, in seconds; None without traffic.

        Interpolated within its bucket on a logarithmic scale; infinite beyond the last bound.
        """
        wanted = q * sum(self.latency)
        below = 0
        for bucket, count in enumerate(self.latency):
            if count and below + count >= wanted:
                return _within_bucket(bucket, (wanted - below) / count)
            below += count
        return None

    def __add__(self, other: Traffic) -> Traffic:
        longer, shorter = sorted((self.latency, other.latency), key=len, reverse=True)
        padded = shorter + (0,) * (len(longer) - len(shorter))
        return Traffic(
            self.requests + other.requests,
            self.errors_5xx + other.errors_5xx,
            tuple(a + b for a, b in zip(longer, padded, strict=True)),
        )


def _within_bucket(bucket: int, share: float) -> float:
    if bucket >= len(LATENCY_BOUNDS_S):
        return math.inf
    return LATENCY_BOUNDS_S[bucket] * 2 ** ((share - 1) / 2)


@dataclass(frozen=True, slots=True)
class Explanation:
    """How many drifting requests a rule explains."""

    rule_id: str
    reason: str
    direction: str
    """A `Drift` value."""
    preview: bool
    """Whether it would have been drift, on requests that were not applied."""
    count: int


@dataclass(frozen=True, slots=True)
class ReplicaSample:
    """The last report of one verifier about one policy."""

    replica: str
    """Stable name of the replica: a restarted one goes on where it stopped."""
    policy_id: str
    step_id: str
    """The stretch of evidence that `step` and `step_traffic` belong to."""
    revision: int
    """The rollout revision this replica applies."""
    at: datetime
    step: Counts = field(default_factory=Counts)
    step_traffic: Traffic = field(default_factory=Traffic)
    windows: Mapping[str, Counts] = field(default_factory=dict)
    """By window name, see `WINDOWS`."""
    recent: Traffic = field(default_factory=Traffic)
    """HTTP traffic of the last five minutes."""
    requests_per_s: float = 0.0
    """Over the last ten seconds."""
    explained: tuple[Explanation, ...] = ()
    """What explains the drift and preview of this step, most frequent first; at most twenty."""
