"""What became of every request of a load test, counted so that nothing can hide.

A request's latency runs from the moment it was *due*, not from when it was sent: a server that stalls, or a generator
that falls behind, makes every request that was due meanwhile late. Measuring from the sending instead leaves those out
("coordinated omission", G. Tene, "How NOT to measure latency", 2013).

A request that failed counts in the percentiles as one that took the whole timeout. Otherwise an outage that fails fast
would make the service look quick.

Memory is bounded by the duration's resolution, not by the number of requests: an HDR histogram for the whole run
(three significant digits) and at most 600 slots of coarse buckets for its course.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # comes without types

from engine.drift.sample import LATENCY_BOUNDS_S, Traffic

MAX_SLOTS: Final = 600
QUANTILES: Final = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
MAX_BACKENDS: Final = 16
"""Names of backends that are told apart; a proxy that invents more is not allowed to fill the memory."""
_MICRO: Final = 1_000_000
_DIGITS: Final = 3


class Outcome(StrEnum):
    """What became of a request."""

    ANSWERED = "answered"
    """2xx."""
    REFUSED = "refused"
    """3xx or 4xx: a token that expired, a rate limit."""
    ERROR = "error"
    """5xx."""
    TIMEOUT = "timeout"
    LOST = "lost"
    """No connection, or it broke before the answer came."""
    UNSENT = "unsent"
    """It was due while too many others were waiting for their answers."""


def outcome_of(status: int) -> Outcome:
    """What an answer's status means."""
    if status >= 500:
        return Outcome.ERROR
    return Outcome.ANSWERED if 200 <= status < 300 else Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class LoadSlot:
    """A stretch of a run: what became of the requests that were due in it."""

    at_s: float
    """Since the run began."""
    due: int
    failed: int
    p50_s: float | None
    """None where nothing that was due is settled yet."""
    p95_s: float | None

    def to_json(self) -> dict[str, Any]:
        """The slot as JSON data."""
        return {
            "at_s": self.at_s,
            "due": self.due,
            "failed": self.failed,
            "p50_s": _rounded(self.p50_s),
            "p95_s": _rounded(self.p95_s),
        }


class _Slot:
    __slots__ = ("due", "failed", "latency")

    def __init__(self) -> None:
        self.due = self.failed = 0
        self.latency = [0] * (len(LATENCY_BOUNDS_S) + 1)


class Ledger:
    """Counts the requests of one run. For one thread.

    Args:
        duration_s: How long requests are due.
        timeout_s: When a caller stops waiting; what a failed request counts as.
    """

    def __init__(self, *, duration_s: float, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.slot_s = max(1.0, duration_s / MAX_SLOTS)
        """Seconds a slot takes."""
        self._slots = [_Slot() for _ in range(int(duration_s / self.slot_s) + 1)]
        self.histogram = HdrHistogram(1, int(2 * timeout_s * _MICRO), _DIGITS)
        """Latencies in microseconds."""
        self._lag = HdrHistogram(1, int(3600 * _MICRO), _DIGITS)
        self.due = 0
        self.settled = 0
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.statuses: Counter[int] = Counter()
        self.backends: Counter[str] = Counter()

    @property
    def failed(self) -> int:
        """Requests that were not answered as they should be."""
        return self.settled - self.outcomes[Outcome.ANSWERED]

    @property
    def waiting(self) -> int:
        """Requests that were due and are not settled."""
        return self.due - self.settled

    def note_due(self, due_s: float, *, lag_s: float) -> None:
        """A request became due, and the generator came to it so much later."""
        self.due += 1
        self._slot(due_s).due += 1
        self._lag.record_value(max(1, min(int(lag_s * _MICRO), 3600 * _MICRO)))

    def settle(
        self, due_s: float, elapsed_s: float, outcome: Outcome, *, status: int | None = None, backend: str = ""
    ) -> None:
        """A request's fate is known.

        Args:
            due_s: When it was due, since the run began.
            elapsed_s: From then until now.
            outcome: What became of it.
            status: Of the answer, where one came.
            backend: Which backend of a proxy answered, where that is said.
        """
        self.settled += 1
        self.outcomes[outcome] += 1
        latency_s = elapsed_s if outcome is Outcome.ANSWERED else max(elapsed_s, self._timeout_s)
        self.histogram.record_value(max(1, min(round(latency_s * _MICRO), int(2 * self._timeout_s * _MICRO))))
        slot = self._slot(due_s)
        slot.failed += outcome is not Outcome.ANSWERED
        slot.latency[bisect_left(LATENCY_BOUNDS_S, latency_s)] += 1
        if status is not None:
            self.statuses[status] += 1
        if backend:
            known = backend in self.backends or len(self.backends) < MAX_BACKENDS
            self.backends[backend if known else "other"] += 1

    def quantiles_s(self) -> dict[str, float]:
        """Latencies over all settled requests, in seconds; 0 before the first."""
        found = {name: self.histogram.get_value_at_percentile(q) for name, q in QUANTILES.items()}
        return {name: value / _MICRO for name, value in found.items()} | {
            "max": self.histogram.get_max_value() / _MICRO if self.settled else 0.0
        }

    def lag_p99_s(self) -> float:
        """How late the generator itself came to its requests."""
        return float(self._lag.get_value_at_percentile(99.0)) / _MICRO

    def course(self) -> tuple[LoadSlot, ...]:
        """The run in slots, up to the last in which anything was due."""
        slots = [self._shown(number) for number in range(len(self._slots))]
        last = max((number for number, slot in enumerate(slots) if slot.due), default=-1)
        return tuple(slots[: last + 1])

    def slot_at(self, at_s: float) -> LoadSlot:
        """The slot that a moment lies in."""
        return self._shown(self._number(at_s))

    def _shown(self, number: int) -> LoadSlot:
        slot = self._slots[number]
        traffic = Traffic(sum(slot.latency), slot.failed, tuple(slot.latency))
        # Beyond the last bound a quantile is infinite, which JSON cannot say and a plot cannot show.
        p50, p95 = (
            None if found is None else min(found, 2 * self._timeout_s)
            for found in (traffic.quantile_s(0.5), traffic.quantile_s(0.95))
        )
        return LoadSlot(number * self.slot_s, slot.due, slot.failed, p50, p95)

    def _slot(self, at_s: float) -> _Slot:
        return self._slots[self._number(at_s)]

    def _number(self, at_s: float) -> int:
        return min(int(at_s / self.slot_s), len(self._slots) - 1)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
