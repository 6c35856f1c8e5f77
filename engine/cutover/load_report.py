"""What a load test is to do, how it goes, and what it has shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Self

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.cutover.access import TIMEOUT_S
from engine.cutover.load_ledger import Ledger, LoadSlot, Outcome
from engine.cutover.slo import Slo
from engine.errors import InvalidInput

MAX_RPS: Final = 1000.0
MAX_DURATION_S: Final = 24 * 3600.0
FEWEST: Final = 100
"""Requests below which a 95th percentile says little."""
LAG_LIMIT_S: Final = 0.1
"""A generator that comes so late to one request in a hundred measures itself."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How much to ask, and for how long."""

    rps: float = 20.0
    """Requests a second, evenly spaced."""
    duration_s: float = 60.0
    timeout_s: float = TIMEOUT_S
    """When a caller stops waiting."""
    policy_id: str = "lksg.v1"
    seed: int = 1
    """Of the stream of contexts."""

    def __post_init__(self) -> None:
        if not 0 < self.rps <= MAX_RPS or not 1 <= self.duration_s <= MAX_DURATION_S or not 0 < self.timeout_s <= 120:
            raise InvalidInput(
                "load.impossible",
                f"Cannot ask {self.rps:g} times a second for {self.duration_s:g} s",
                f"Give --rps up to {MAX_RPS:g} and a --duration of 1s to 24h.",
            )

    @property
    def requests(self) -> int:
        """How many requests will be due."""
        return round(self.rps * self.duration_s)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data."""
        return {"rps": self.rps, "duration_s": self.duration_s, "timeout_s": self.timeout_s, "policy": self.policy_id}


@dataclass(frozen=True, slots=True)
class LoadSecond:
    """A running load test, as a screen draws it: once a second."""

    at_s: float
    due: int
    failed: int
    waiting: int
    latest: LoadSlot
    """The last slot that is over."""
    p95_s: float
    """Of all requests so far."""

    @property
    def line(self) -> str:
        """The second in words."""
        return f"p95 {self.p95_s * 1000:.0f} ms, {self.failed} failed, {self.waiting} waiting"

    @property
    def figures(self) -> tuple[tuple[str, float], ...]:
        """The last slot that is over, by name, for a plot; without a latency where nothing was settled in it."""
        latest = self.latest
        latencies = (("p50_s", latest.p50_s), ("p95_s", latest.p95_s))
        known = tuple((name, value) for name, value in latencies if value is not None)
        return (("at_s", latest.at_s), ("due", latest.due), ("failed", latest.failed), *known)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A finished load test."""

    at: datetime
    env: str
    base: str
    plan: LoadPlan
    slo: Slo
    elapsed_s: float
    due: int
    outcomes: dict[Outcome, int]
    statuses: dict[int, int]
    latency_s: dict[str, float]
    """`p50`, `p90`, `p95`, `p99`, `p999`, `max`, over every request that was due."""
    lag_p99_s: float
    """How late the generator itself was."""
    slot_s: float
    course: tuple[LoadSlot, ...]
    histogram: str
    """Latencies in microseconds, in HdrHistogram's own encoding (V2, base64)."""
    backends: dict[str, int] = field(default_factory=dict)
    """Answers by backend, where a proxy says which."""
    replicas: tuple[tuple[float, int], ...] = ()
    """Seconds since the beginning and ready replicas, where a target tells."""
    rehearsed: bool = False
    """Whether nothing was to be sent: only address, environment and token were looked at."""

    @classmethod
    def of(cls, ledger: Ledger, plan: LoadPlan, slo: Slo, **known: Any) -> Self:
        """The report of a run.

        Args:
            ledger: What became of the requests.
            plan: What was to be done.
            slo: What it is held to.
            known: The fields that a ledger does not know: `at`, `env`, `base`, `elapsed_s`, `replicas`, `rehearsed`.
        """
        return cls(
            plan=plan,
            slo=slo,
            due=ledger.due,
            outcomes=dict(ledger.outcomes),
            statuses=dict(ledger.statuses),
            latency_s=ledger.quantiles_s(),
            lag_p99_s=ledger.lag_p99_s(),
            slot_s=ledger.slot_s,
            course=ledger.course(),
            histogram=ledger.histogram.encode().decode("ascii"),
            backends=dict(ledger.backends),
            **known,
        )

    @property
    def failed(self) -> int:
        """Requests that were not answered with 2xx in time."""
        return self.due - self.outcomes[Outcome.ANSWERED]

    @property
    def error_ratio(self) -> float:
        """Failed requests / all requests that were due."""
        return self.failed / self.due if self.due else 0.0

    @property
    def misses(self) -> tuple[str, ...]:
        """Which objectives are missed, in words."""
        p95, found = self.latency_s["p95"], []
        if p95 >= self.slo.p95_s:
            found.append(f"p95 {p95 * 1000:.0f} ms, limit {self.slo.p95_s * 1000:.0f} ms")
        if self.error_ratio >= self.slo.error_ratio:
            found.append(f"{self.error_ratio:.2%} failed, limit {self.slo.error_ratio:.2%}")
        return tuple(found)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the run proves nothing, in words."""
        found = []
        if self.due < FEWEST:
            found.append(f"{self.due} requests are too few for a 95th percentile: {FEWEST} are needed")
        if self.misses and self.lag_p99_s >= LAG_LIMIT_S:
            found.append(f"this machine came {self.lag_p99_s * 1000:.0f} ms late to its own requests (p99)")
        return tuple(found)

    @property
    def answer(self) -> Literal["yes", "no", "hold"]:
        """Whether the objective is met; `hold` where nobody can tell."""
        if self.rehearsed:
            return "yes"
        if self.doubts:
            return "hold"
        return "no" if self.misses else "yes"

    @property
    def document(self) -> bytes:
        """The report as canonical JSON."""
        return canonical_json(self.to_json()) + b"\n"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "env": self.env,
            "base": self.base,
            "answer": self.answer,
            "rehearsed": self.rehearsed,
            "misses": list(self.misses),
            "doubts": list(self.doubts),
            "plan": self.plan.to_json(),
            "slo": self.slo.to_json(),
            "elapsed_s": round(self.elapsed_s, 3),
            "due": self.due,
            "failed": self.failed,
            "error_ratio": self.error_ratio,
            "outcomes": {outcome.value: count for outcome, count in self.outcomes.items()},
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "latency_s": self.latency_s,
            "lag_p99_s": self.lag_p99_s,
            "slot_s": self.slot_s,
            "course": [slot.to_json() for slot in self.course],
            "histogram": self.histogram,
            "backends": dict(sorted(self.backends.items())),
            "replicas": [{"at_s": at_s, "ready": ready} for at_s, ready in self.replicas],
        }
