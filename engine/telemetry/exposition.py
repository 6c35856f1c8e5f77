"""Prometheus text out: every series is computed at the moment of the scrape from one immutable `Scrape`.

Names are contracts (contracts.md, Metrics). Series that count errors exist from the start, at 0, so that a rate over
them is never "no data". Labels are bounded: policies that are served, directions, windows, results, reasons, keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from engine.drift.counts import Counts
from engine.drift.recorder import StepCounts
from engine.telemetry.decision_series import decisions, rollouts, steps, windows
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.telemetry.service_series import adapter, process, requests, security


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
    drift_max_ratio: float | None = None
    """The current step's limit; None without a rollout."""
    step: StepCounts | None = None
    """What this process has counted of the current step; None without a rollout."""
    windows: Mapping[str, Counts] = field(default_factory=dict)
    """By window name; empty without a rollout."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """Everything that is exposed, at one moment."""

    policies: tuple[PolicyScrape, ...] = ()
    windows: Mapping[str, Counts] = field(default_factory=dict)
    """Over all policies, by window name."""
    requests: RequestMetrics = field(default_factory=RequestMetrics)
    security: SecurityMetrics = field(default_factory=SecurityMetrics)
    sap_writes: Mapping[str, int] = field(default_factory=dict)
    """Rows that the adapter beside this verifier was seen to have written to SAP, by status."""
    replica: str = "local"
    """Name of this verifier, the label `replica` of every series: workers that share an address stay apart by it."""
    started_s: float = 0.0
    """When the process began, in seconds since 1970."""


def render(scrape: Scrape, accept: str) -> tuple[bytes, str]:
    """The exposition in the format that the scraper's `Accept` asks for, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Once(scrape))
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Once(Collector):
    """A collector of one scrape."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        for family in self._families():
            family.samples = [
                sample._replace(labels={**sample.labels, "replica": self._scrape.replica}) for sample in family.samples
            ]
            yield family

    def _families(self) -> Iterator[Metric]:
        scrape = self._scrape
        yield from process(scrape.started_s)
        yield from rollouts(scrape.policies)
        yield from decisions(scrape.policies)
        yield from steps(scrape.policies, run=f"{scrape.started_s:.3f}")
        yield from windows(scrape.windows, scrape.policies)
        yield from requests(scrape.requests)
        yield from security(scrape.security)
        yield from adapter(scrape.sap_writes)
        yield from ProcessCollector(registry=None).collect()
