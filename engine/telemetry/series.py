"""Raw samples of counters, and what they increased by: exactly, never extrapolated.

PromQL's `increase()` extrapolates to the edges of its range and does not count a series that is born above zero.
Numbers that are compared with the truth are made here instead, from the samples themselves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from engine.drift.sample import LATENCY_BOUNDS_S, Traffic
from engine.telemetry import names

Points: TypeAlias = tuple[tuple[float, float], ...]
"""Unix time and value, oldest first."""

OWN_LABELS: Final = frozenset(
    {"__name__", "counted", "direction", "le", "mode", "policy_id", "result", "run", "step", "up_to_s", "window"}
)
"""What a verifier says of a series; every other label is put there by who scrapes it and says which verifier it is."""

RATE_WINDOW_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Series:
    """One series as it was scraped."""

    labels: Mapping[str, str]
    points: Points

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.labels["__name__"]

    @property
    def origin(self) -> tuple[tuple[str, str], ...]:
        """Which verifier it is from."""
        return tuple(sorted((k, v) for k, v in self.labels.items() if k not in OWN_LABELS))


@dataclass(frozen=True, slots=True)
class Scraped:
    """The series of one verifier."""

    starts: Mapping[float, float]
    """By the time of each scrape: when the process that answered had begun."""
    series: tuple[Series, ...]

    @property
    def newest(self) -> float:
        """The time of the last scrape that was answered."""
        return max(self.starts)

    def increase(self, since: float, name: str, **labels: str) -> int:
        """What the counters of that name and those labels increased by after the moment `since`."""
        return sum(
            self._increase(series.points, since)
            for series in self.series
            if series.name == name and labels.items() <= series.labels.items()
        )

    def last(self, name: str, **labels: str) -> float | None:
        """The last value of the one series of that name and those labels; None without one."""
        found = [s.points[-1] for s in self.series if s.name == name and labels.items() <= s.labels.items()]
        return max(found)[1] if found else None

    def _increase(self, points: Points, since: float) -> int:
        first_at, first = points[0]
        total = first if first_at > since and self._born_at_zero(first_at, since) else 0.0
        for (earlier, before), (at, value) in pairwise(points):
            if at > since:
                restarted = value < before or self._begun_anew(earlier, at)
                total += value if restarted else value - before
        return round(total)

    def _begun_anew(self, earlier: float, later: float) -> bool:
        """Whether another process answered: a counter that overtakes itself between two scrapes does not fall.

        A scrape whose start is not known is no other process: the answers to two questions may differ by a scrape.
        """
        before, after = self.starts.get(earlier), self.starts.get(later)
        return before is not None and after is not None and before != after

    def _born_at_zero(self, first: float, since: float) -> bool:
        """Whether a series whose first sample is of the moment `first` counts from 0.

        It does where the verifier was scraped before without it, and where the process began after `since`. Otherwise
        nobody was there to scrape, nobody knows what it had counted by then, and its first sample is where it begins.
        """
        return min(self.starts) < first or self.starts.get(first, 0.0) >= since


def by_origin(found: Iterable[Series]) -> dict[tuple[tuple[str, str], ...], Scraped]:
    """Put together what is from one verifier; what is from no verifier (nobody says when it began) is left out."""
    grouped: dict[tuple[tuple[str, str], ...], list[Series]] = defaultdict(list)
    for series in found:
        grouped[series.origin].append(series)
    return {
        origin: Scraped(dict(starts[0].points), tuple(several))
        for origin, several in grouped.items()
        if (starts := [series for series in several if series.name == names.STARTED])
    }


def traffic_since(scraped: Scraped, since: float) -> Traffic:
    """The HTTP answers after a moment, by result and duration.

    The exposed buckets are wider than those of `Traffic`; a count goes to the bucket of its upper bound, so that a
    latency is never understated.
    """
    bounds = sorted({float(s.labels["le"]) for s in scraped.series if s.name == names.DURATION_BUCKETS})
    latency, below = [0] * (len(LATENCY_BOUNDS_S) + 1), 0
    for bound in bounds:
        up_to = sum(
            scraped.increase(since, names.DURATION_BUCKETS, le=s.labels["le"])
            for s in scraped.series
            if s.name == names.DURATION_BUCKETS and float(s.labels["le"]) == bound
        )
        latency[bisect_left(LATENCY_BOUNDS_S, bound)] += up_to - below
        below = up_to
    return Traffic(
        scraped.increase(since, names.REQUESTS), scraped.increase(since, names.REQUESTS, result="error"), tuple(latency)
    )


def requests_per_s(scraped: Scraped, policy_id: str) -> float:
    """Decisions of a policy a second, over the last scrapes that lie ten seconds apart; 0 after only one scrape."""
    earlier = [at for at in scraped.starts if at < scraped.newest]
    if not earlier:
        return 0.0
    since = max((at for at in earlier if at <= scraped.newest - RATE_WINDOW_S), default=min(earlier))
    return scraped.increase(since, names.DECISIONS, policy_id=policy_id) / (scraped.newest - since)
