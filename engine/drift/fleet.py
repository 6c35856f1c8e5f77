"""Several replicas read as one: what a fleet says about a rollout's current step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from engine.drift.counts import Counts
from engine.drift.sample import WINDOWS, Explanation, ReplicaSample, Traffic

MAX_AGE_S = 60.0
"""A replica that has not reported for longer is silent (semantics.md, Rollout)."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One replica, as it last reported."""

    name: str
    age_s: float
    """Since its last report; negative when its clock is ahead."""
    revision: int
    current: bool
    """Whether it reports on the current step."""
    silent: bool
    """Whether its report is older than `MAX_AGE_S`, or from a future just as far."""


@dataclass(frozen=True, slots=True)
class FleetEvidence:
    """What all replicas together have measured."""

    step: Counts = field(default_factory=Counts)
    """Since the step began. Silent replicas count: what they saw, they saw."""
    step_traffic: Traffic = field(default_factory=Traffic)
    windows: Mapping[str, Counts] = field(default_factory=dict)
    """Over the replicas that are not silent: a dead one's windows would never empty."""
    recent: Traffic = field(default_factory=Traffic)
    requests_per_s: float = 0.0
    source_age_s: float | None = None
    """Age of the newest report on the current step; None when there is none. Never negative: a report from the
    future is as unbelievable as one from equally long ago."""
    replicas: tuple[ReplicaStatus, ...] = ()
    """By name."""
    explained: tuple[Explanation, ...] = ()
    """What explains the step's drift and preview, most frequent first."""


def combine(samples: Iterable[ReplicaSample], step_id: str, now: datetime) -> FleetEvidence:
    """Sum up what the replicas of a fleet last reported about one policy.

    Args:
        samples: The last report of each replica.
        step_id: The rollout's current step; what was measured on another one is no evidence for it.
        now: The wall time.
    """
    reports = sorted(samples, key=lambda sample: sample.replica)
    statuses = tuple(_status(sample, step_id, now) for sample in reports)
    current = [sample for sample, status in zip(reports, statuses, strict=True) if status.current]
    live = [sample for sample, status in zip(reports, statuses, strict=True) if not status.silent]
    return FleetEvidence(
        step=sum((sample.step for sample in current), Counts()),
        step_traffic=sum((sample.step_traffic for sample in current), Traffic()),
        windows={name: sum((sample.windows.get(name, Counts()) for sample in live), Counts()) for name in WINDOWS},
        recent=sum((sample.recent for sample in live), Traffic()),
        requests_per_s=sum(sample.requests_per_s for sample in live),
        source_age_s=min((abs(status.age_s) for status in statuses if status.current), default=None),
        replicas=statuses,
        explained=_sum_explanations(current),
    )


def _status(sample: ReplicaSample, step_id: str, now: datetime) -> ReplicaStatus:
    age_s = (now - sample.at).total_seconds()
    silent = not abs(age_s) <= MAX_AGE_S
    return ReplicaStatus(sample.replica, age_s, sample.revision, sample.step_id == step_id, silent)


def _sum_explanations(samples: Sequence[ReplicaSample]) -> tuple[Explanation, ...]:
    total: Counter[Explanation] = Counter()
    for sample in samples:
        for explanation in sample.explained:
            total[replace(explanation, count=0)] += explanation.count
    summed = [replace(key, count=count) for key, count in total.items()]
    return tuple(sorted(summed, key=lambda e: (-e.count, e.rule_id, e.reason, e.direction, e.preview)))
