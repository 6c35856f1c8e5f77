"""From scraped series to a replica's report: the same for whoever scraped them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Final

from engine.drift.counts import Counts
from engine.drift.sample import LATENCY_BOUNDS_S, ReplicaSample, Traffic
from engine.rollout.state import RolloutState
from engine.telemetry import names
from engine.telemetry.series import Scraped, Series, requests_per_s, traffic_since

RECENT_S: Final = 300.0
WINDOWS_S: Final = {"5m": 300.0, "15m": 900.0, "60m": 3600.0}
LONGEST_WINDOW_S: Final = 3600.0
LOOK_BACK_S: Final = 300.0
"""How far before a range the sample may lie that it is counted from; what Prometheus itself looks back by default."""


def step_of(series: list[Series], state: RolloutState) -> tuple[Counts, Traffic] | None:
    """What one verifier has counted of a rollout's current step, over every run of its process; None if nothing yet.

    Args:
        series: Of one verifier; the last point of each is read.
        state: The rollout.
    """
    mine = [
        (s, round(s.points[-1][1]))
        for s in series
        if s.labels.get("step") == state.step_id and s.labels.get("policy_id") == state.policy_id
    ]
    latency, errors, events = [0] * (len(LATENCY_BOUNDS_S) + 1), 0, []
    for one, count in mine:
        if one.name == names.STEP_EVENTS:
            events.append((one.labels["counted"], count))
        elif one.name == names.STEP_RESPONSES:
            latency[bisect_left(LATENCY_BOUNDS_S, float(one.labels["up_to_s"]))] += count
        elif one.name == names.STEP_ERRORS:
            errors += count
    return (counts_of(events), Traffic(sum(latency), errors, tuple(latency))) if events else None


def counts_of(events: Iterable[tuple[str, int]]) -> Counts:
    """Counts from values of the label `counted`; those of a newer verifier that are not known here are left out."""
    counted = {field.name: 0 for field in fields(Counts)}
    for kind, count in events:
        if kind in counted:
            counted[kind] += count
    return Counts(**counted)


def window_of(scraped: Scraped, policy_id: str, since: float) -> Counts:
    """A verifier's decisions on a policy after a moment, from the increase of its counters."""

    def increase(name: str, **labels: str) -> int:
        return scraped.increase(since, name, policy_id=policy_id, **labels)

    enforced = increase(names.DECISIONS, mode="enforced")
    return Counts(
        requests=enforced + increase(names.DECISIONS, mode="shadow"),
        enforced=enforced,
        **{way: increase(names.DRIFT_DIRECTION, direction=way) for way in names.DIRECTIONS},
        **{f"preview_{way}": increase(names.PREVIEW_DIRECTION, direction=way) for way in names.DIRECTIONS},
        aa_samples=increase(names.AA_SAMPLES),
        aa_mismatches=increase(names.AA_MISMATCHES),
    )


def report_of(
    replica: str,
    scraped: Scraped,
    state: RolloutState,
    *,
    step: tuple[Counts, Traffic] | None,
    windows: dict[str, Counts],
    now: float,
) -> ReplicaSample:
    """One verifier's report, put together.

    Args:
        replica: Its name.
        scraped: Its counters over the last minutes.
        state: The rollout it reports on.
        step: What it has counted of the current step; None: it is not on that step yet.
        windows: Its decisions by window name.
        now: Unix time at which `recent` ends.
    """
    counts, traffic = step or (Counts(), Traffic())
    revision = scraped.last(names.REVISION, policy_id=state.policy_id)
    return ReplicaSample(
        replica=replica,
        policy_id=state.policy_id,
        step_id=state.step_id if step else "",
        revision=round(revision or 0),
        at=datetime.fromtimestamp(scraped.newest, UTC),
        step=counts,
        step_traffic=traffic,
        windows=windows,
        recent=traffic_since(scraped, now - RECENT_S),
        requests_per_s=requests_per_s(scraped, state.policy_id),
    )
