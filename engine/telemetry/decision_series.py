"""What a verifier exposes about decisions: rollouts, drift, the current step's evidence, the windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from prometheus_client.core import Metric

from engine.drift.counts import Counts
from engine.drift.sample import LATENCY_BOUNDS_S
from engine.telemetry import names
from engine.telemetry.families import counter, gauge

if TYPE_CHECKING:
    from engine.telemetry.exposition import PolicyScrape

GATE_VALUES: Final = {"open": 1, "hold": 0, "closed": -1}

_BOUNDS: Final = (*map(str, LATENCY_BOUNDS_S), "+Inf")


def rollouts(policies: Sequence[PolicyScrape]) -> Iterator[Metric]:
    """Where each policy's rollout stands, as this replica applies it."""
    yield gauge(
        "adapt_enforce_rollout_percent",
        "Share of requests this replica enforces, 0 to 100.",
        ("policy_id",),
        [((p.policy_id,), p.rollout_percent) for p in policies],
    )
    yield gauge(
        "adapt_gate_state",
        "The gate of a policy's rollout: 1 open, 0 hold, -1 closed.",
        ("gate",),
        [((p.policy_id,), GATE_VALUES[p.gate]) for p in policies if p.gate is not None],
    )
    yield gauge(
        "adapt_drift_max_ratio",
        "The drift limit of the rollout's current step, as a share of the enforced requests.",
        ("policy_id",),
        [((p.policy_id,), p.drift_max_ratio) for p in policies if p.drift_max_ratio is not None],
    )
    yield gauge(
        names.REVISION,
        "The rollout revision this replica applies; replicas that differ for long do not reach the store.",
        ("policy_id",),
        [((p.policy_id,), p.revision) for p in policies],
    )


def decisions(policies: Sequence[PolicyScrape]) -> Iterator[Metric]:
    """Decisions since the process began."""
    totals = [(p.policy_id, p.total) for p in policies]
    by_mode = [
        ((mode, name), count)
        for name, total in totals
        for mode, count in (("shadow", total.not_applied), ("enforced", total.enforced))
    ]
    yield counter(names.DECISIONS, "Decisions, by what counted.", ("mode", "policy_id"), by_mode)
    yield counter(
        "adapt_drift_events_total",
        "Decisions whose enforced verdict differs from the shadow verdict.",
        ("policy_id",),
        [((name,), total.drift) for name, total in totals],
    )
    yield counter(
        names.DRIFT_DIRECTION,
        "Drift events by direction: stricter than the baseline, laxer, or not known.",
        ("direction", "policy_id"),
        [((way, name), getattr(total, way)) for name, total in totals for way in names.DIRECTIONS],
    )
    yield counter(
        "adapt_preview_drift_events_total",
        "Decisions not enforced that would have drifted.",
        ("policy_id",),
        [((name,), total.preview) for name, total in totals],
    )
    yield counter(
        names.PREVIEW_DIRECTION,
        "Decisions not enforced that would have drifted, by direction.",
        ("direction", "policy_id"),
        [((way, name), getattr(total, f"preview_{way}")) for name, total in totals for way in names.DIRECTIONS],
    )
    yield counter(
        names.AA_SAMPLES,
        "Decisions whose baseline was evaluated twice.",
        ("policy_id",),
        [((name,), total.aa_samples) for name, total in totals],
    )
    yield counter(
        names.AA_MISMATCHES,
        "Decisions whose baseline disagreed with itself: noise, not drift.",
        ("policy_id",),
        [((name,), total.aa_mismatches) for name, total in totals],
    )


def steps(policies: Sequence[PolicyScrape], *, run: str) -> Iterator[Metric]:
    """What this process has counted of each rollout's current step: the evidence of a gate that stands elsewhere.

    Args:
        policies: What is served.
        run: Names this life of the process.
    """
    found = [((p.policy_id, p.step.step_id, run), p.step) for p in policies if p.step is not None]
    labels = ("policy_id", "step", "run")
    yield counter(
        names.STEP_EVENTS,
        "Decisions of the rollout's current step, by what they count as; the classes overlap.",
        ("counted", *labels),
        [((kind, *values), n) for values, step in found for kind, n in asdict(step.counts).items()],
    )
    yield counter(
        names.STEP_RESPONSES,
        "HTTP answers since the current step began, by the bucket of their duration; not cumulative.",
        ("up_to_s", *labels),
        [
            ((bound, *values), n)
            for values, step in found
            for bound, n in zip(_BOUNDS, step.traffic.latency, strict=True)
            if n
        ],
    )
    yield counter(
        names.STEP_ERRORS,
        "5xx answers since the current step began.",
        labels,
        [(values, step.traffic.errors_5xx) for values, step in found],
    )


def windows(overall: Mapping[str, Counts], policies: Sequence[PolicyScrape]) -> Iterator[Metric]:
    """Rolling ratios of this replica over all policies, and rolling counts of each policy under rollout."""
    named = {
        "adapt_drift_ratio": ("Drift events / all requests, rolling.", "drift_ratio"),
        "adapt_enforced_drift_ratio": ("Drift events / enforced requests, rolling.", "enforced_drift_ratio"),
        "adapt_preview_drift_ratio": ("Would-be drift events / requests not enforced, rolling.", "preview_drift_ratio"),
        "adapt_aa_floor_ratio": ("Baseline verdicts that differ from themselves, rolling.", "aa_floor"),
    }
    for name, (text, ratio) in named.items():
        yield gauge(name, text, ("window",), [((window,), getattr(c, ratio)) for window, c in overall.items()])
    yield gauge(
        names.WINDOW_EVENTS,
        "Decisions in a rolling window, by what they count as; the classes overlap.",
        ("counted", "policy_id", "window"),
        [
            ((kind, p.policy_id, window), n)
            for p in policies
            for window, counts in p.windows.items()
            for kind, n in asdict(counts).items()
        ],
    )
