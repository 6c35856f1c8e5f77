"""Prometheus text out: every series is computed at the moment of the scrape from one immutable `Scrape`.

Names are contracts (contracts.md, Metrics). Series that count errors exist from the start, at 0, so that a rate over
them is never "no data". Labels are bounded: policies that are served, directions, windows, results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from engine.__version__ import __version__
from engine.drift.counts import Counts
from engine.telemetry.requests import Histogram, RequestMetrics

GATE_VALUES: Final = {"open": 1, "hold": 0, "closed": -1}


@dataclass(frozen=True, slots=True)
class PolicyScrape:
    """One served policy at the moment of a scrape."""

    policy_id: str
    rollout_percent: float
    revision: int
    """Of the rollout applied; 0 without one."""
    total: Counts
    """Decisions since the process began."""
    gate: str | None
    """`open`, `hold` or `closed`; None without a rollout."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """Everything that is exposed, at one moment."""

    policies: tuple[PolicyScrape, ...] = ()
    windows: Mapping[str, Counts] = field(default_factory=dict)
    """Over all policies, by window name."""
    requests: RequestMetrics = field(default_factory=RequestMetrics)


def render(scrape: Scrape, accept: str) -> tuple[bytes, str]:
    """The exposition in the format that the scraper's `Accept` asks for, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Once(scrape))
    ProcessCollector(registry=registry)
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Once(Collector):
    """A collector of one scrape."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        yield _gauge("cap_build_info", "Always 1; the version is the label.", ("version",), [((__version__,), 1)])
        yield from _rollout(self._scrape.policies)
        yield from _decisions(self._scrape.policies)
        yield from _windows(self._scrape.windows)
        yield from _requests(self._scrape.requests)


def _rollout(policies: Iterable[PolicyScrape]) -> Iterator[Metric]:
    yield _gauge(
        "adapt_enforce_rollout_percent",
        "Share of requests this replica enforces, 0 to 100.",
        ("policy_id",),
        [((p.policy_id,), p.rollout_percent) for p in policies],
    )
    yield _gauge(
        "adapt_gate_state",
        "The gate of a policy's rollout: 1 open, 0 hold, -1 closed.",
        ("gate",),
        [((p.policy_id,), GATE_VALUES[p.gate]) for p in policies if p.gate is not None],
    )
    yield _gauge(
        "adapt_rollout_revision",
        "The rollout revision this replica applies; replicas that differ for long do not reach the store.",
        ("policy_id",),
        [((p.policy_id,), p.revision) for p in policies],
    )


def _decisions(policies: Iterable[PolicyScrape]) -> Iterator[Metric]:
    requests = CounterMetricFamily("adapt_requests", "Decisions, by what counted.", labels=("mode", "policy_id"))
    drift = CounterMetricFamily(
        "adapt_drift_events", "Decisions whose enforced verdict differs from the shadow verdict.", labels=("policy_id",)
    )
    directed = CounterMetricFamily(
        "adapt_drift_direction_events",
        "Drift events by direction: stricter than the baseline, laxer, or not known.",
        labels=("direction", "policy_id"),
    )
    preview = CounterMetricFamily(
        "adapt_preview_drift_events", "Decisions not enforced that would have drifted.", labels=("policy_id",)
    )
    for policy in policies:
        name, total = policy.policy_id, policy.total
        requests.add_metric(("shadow", name), total.not_applied)
        requests.add_metric(("enforced", name), total.enforced)
        drift.add_metric((name,), total.drift)
        preview.add_metric((name,), total.preview)
        for direction in ("over_block", "under_block", "unknown"):
            directed.add_metric((direction, name), getattr(total, direction))
    yield from (requests, drift, directed, preview)


def _windows(windows: Mapping[str, Counts]) -> Iterator[Metric]:
    named = {
        "adapt_drift_ratio": ("Drift events / all requests, rolling.", "drift_ratio"),
        "adapt_enforced_drift_ratio": ("Drift events / enforced requests, rolling.", "enforced_drift_ratio"),
        "adapt_preview_drift_ratio": ("Would-be drift events / requests not enforced, rolling.", "preview_drift_ratio"),
        "adapt_aa_floor_ratio": ("Baseline verdicts that differ from themselves, rolling.", "aa_floor"),
    }
    for name, (text, ratio) in named.items():
        yield _gauge(name, text, ("window",), [((window,), getattr(c, ratio)) for window, c in windows.items()])


def _requests(metrics: RequestMetrics) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "cap_verifier_requests",
        "Requests to /verify: the verdict, `rejected` for 4xx, `error` for 5xx.",
        labels=("result",),
    )
    for result, count in metrics.by_result.items():
        requests.add_metric((result,), count)
    yield requests
    yield _histogram("cap_verifier_request_duration_seconds", "Time to answer /verify.", metrics.duration)
    yield _histogram(
        "adapt_selection_latency_seconds", "Time to select the plan and decide, without HTTP.", metrics.selection
    )


def _gauge(
    name: str, text: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text)
    buckets, seen = [], 0
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        seen += count
        buckets.append((bound, seen))
    family.add_metric((), buckets, histogram.sum_s)
    return family
