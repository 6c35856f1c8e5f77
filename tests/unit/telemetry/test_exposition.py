"""The metrics: names others hold on to, series that exist before the first error, numbers that agree."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.drift.counts import Counts
from engine.telemetry.exposition import PolicyScrape, Scrape, render
from engine.telemetry.requests import RESULTS, RequestMetrics

COUNTS = Counts(requests=100, enforced=25, over_block=2, under_block=1, preview_over_block=4)
CONTRACT = {
    "adapt_enforce_rollout_percent",
    "adapt_requests_total",
    "adapt_drift_events_total",
    "adapt_drift_ratio",
    "adapt_enforced_drift_ratio",
    "adapt_preview_drift_events_total",
    "adapt_gate_state",
    "adapt_selection_latency_seconds_bucket",
    "cap_verifier_requests_total",
    "cap_verifier_request_duration_seconds_bucket",
}


def _samples(scrape: Scrape) -> dict[tuple[str, ...], float]:
    body, _ = render(scrape, "text/plain")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def _scrape(gate: str | None = "open", counts: Counts = COUNTS) -> Scrape:
    policy = PolicyScrape("lksg.v1", rollout_percent=25, revision=3, total=counts, gate=gate)
    return Scrape((policy,), dict.fromkeys(("5m", "15m", "60m"), counts))


def test_every_metric_of_the_contract_is_there() -> None:
    assert {name for name, *_ in _samples(_scrape())} >= CONTRACT


def test_errors_are_zero_before_the_first_one() -> None:
    samples = _samples(_scrape(counts=Counts()))
    assert all(samples["cap_verifier_requests_total", result] == 0 for result in RESULTS)
    assert samples["adapt_drift_events_total", "lksg.v1"] == 0
    assert samples["adapt_preview_drift_events_total", "lksg.v1"] == 0


def test_drift_is_a_share_of_all_and_of_the_enforced_requests() -> None:
    samples = _samples(_scrape())
    assert samples["adapt_drift_ratio", "5m"] == 0.03
    assert samples["adapt_enforced_drift_ratio", "5m"] == 0.12
    assert samples["adapt_requests_total", "shadow", "lksg.v1"] == 75
    assert samples["adapt_requests_total", "enforced", "lksg.v1"] == 25


@pytest.mark.parametrize(("gate", "value"), [("open", 1), ("hold", 0), ("closed", -1)])
def test_the_gate_is_a_number(gate: str, value: int) -> None:
    assert _samples(_scrape(gate))["adapt_gate_state", "lksg.v1"] == value


def test_a_policy_without_rollout_has_no_gate() -> None:
    assert ("adapt_gate_state", "lksg.v1") not in _samples(_scrape(None))


def test_a_histogram_is_cumulative_and_ends_with_everything() -> None:
    metrics = RequestMetrics()
    for seconds in (0.0004, 0.3, 0.6, 99.0):
        metrics.observe("ok", seconds)
    samples = _samples(Scrape(requests=metrics))
    name = "cap_verifier_request_duration_seconds"
    assert samples[f"{name}_bucket", "0.001"] == 1
    assert samples[f"{name}_bucket", "0.25"] == 1
    assert samples[f"{name}_bucket", "0.6"] == 3
    assert samples[f"{name}_bucket", "+Inf"] == samples[f"{name}_count",] == 4
    assert samples[f"{name}_sum",] == pytest.approx(99.9004)


def test_a_scraper_that_asks_for_openmetrics_gets_it() -> None:
    body, content_type = render(_scrape(), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
