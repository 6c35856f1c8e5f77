"""The metrics: names others hold on to, series that exist before the first error, numbers that agree."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.drift.counts import Counts
from engine.drift.recorder import StepCounts
from engine.drift.sample import LATENCY_BOUNDS_S, Traffic
from engine.telemetry.exposition import PolicyScrape, Scrape, render
from engine.telemetry.requests import RESULTS, RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.verifier.auth import AuthReason

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
    "cap_auth_token_validation_failures_total",
    "cap_cache_hit_ratio",
    "cap_signatures_created_total",
    "cap_signatures_verified_total",
    "cap_adapter_sap_write_total",
    "audit_chain_break_total",
}
LATENCY = tuple(3 if i == 10 else 0 for i in range(len(LATENCY_BOUNDS_S) + 1))


def _samples(scrape: Scrape) -> dict[tuple[str, ...], float]:
    body, _ = render(scrape, "text/plain")
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "replica")): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def _security() -> SecurityMetrics:
    security = SecurityMetrics(reason.value for reason in AuthReason)
    security.expose_key("k1")
    return security


def _scrape(gate: str | None = "open", counts: Counts = COUNTS) -> Scrape:
    windows = dict.fromkeys(("5m", "15m", "60m"), counts)
    policy = PolicyScrape(
        "lksg.v1",
        rollout_percent=25,
        revision=3,
        total=counts,
        gate=gate,
        drift_max_ratio=0.005,
        step=StepCounts("s1", counts, Traffic(3, 1, LATENCY)),
        windows=windows,
    )
    written = {"OK": 47, "FAIL": 3}
    return Scrape((policy,), windows, security=_security(), sap_writes=written, started_s=1_700_000_000.125)


def test_every_metric_of_the_contract_is_there() -> None:
    assert {name for name, *_ in _samples(_scrape())} >= CONTRACT


def test_errors_are_zero_before_the_first_one() -> None:
    samples = _samples(_scrape(counts=Counts()))
    assert all(samples["cap_verifier_requests_total", result] == 0 for result in RESULTS)
    assert samples["adapt_drift_events_total", "lksg.v1"] == 0
    assert samples["adapt_preview_drift_events_total", "lksg.v1"] == 0


def test_what_can_stay_silent_is_zero_from_the_start() -> None:
    """Every reason for refusing a token and every key: a rate over them is never 'no data'."""
    samples = _samples(_scrape())
    reasons = {labels[0] for name, *labels in samples if name == "cap_auth_token_validation_failures_total"}
    assert reasons == {reason.value for reason in AuthReason}
    assert samples["cap_signatures_created_total", "k1"] == samples["cap_signatures_verified_total", "k1"] == 0
    assert samples["audit_chain_break_total",] == 0


def test_tokens_keys_and_caches_are_counted() -> None:
    class Cache:
        hits, misses = 3, 1

    security = _security()
    security.token_refused("expired")
    security.signed("k1")
    security.verified("k2")
    security.caches["tokens"] = Cache()
    samples = _samples(Scrape(security=security))
    assert samples["cap_auth_token_validation_failures_total", "expired"] == 1
    assert samples["cap_signatures_created_total", "k1"] == 1
    assert samples["cap_signatures_verified_total", "k2"] == 1
    assert samples["cap_cache_lookups_total", "tokens", "hit"] == 3
    assert samples["cap_cache_hit_ratio",] == 0.75


def test_a_reason_that_is_not_on_the_list_is_no_label() -> None:
    with pytest.raises(KeyError):
        _security().token_refused("because-of-" + "x" * 100)


def test_the_evidence_of_the_step_names_the_step_and_the_run() -> None:
    """A counter of one step in one life of the process never falls, so its last value is what was counted."""
    samples = _samples(_scrape())
    run = "1700000000.125"
    assert samples["adapt_step_events_total", "enforced", "lksg.v1", run, "s1"] == 25
    assert samples["adapt_step_http_errors_total", "lksg.v1", run, "s1"] == 1
    answers = [key for key in samples if key[0] == "adapt_step_http_responses_total"]
    assert [samples[key] for key in answers] == [3], "buckets that are empty are left out"


def test_every_series_names_its_replica() -> None:
    """Two workers behind one address are scraped in turn; without a name their counters would seem to jump."""
    body, _ = render(replace(_scrape(), replica="cap-2"), "text/plain")
    samples = [s for family in text_string_to_metric_families(body.decode()) for s in family.samples]
    assert {sample.labels.get("replica") for sample in samples} == {"cap-2"}


def test_promtool_finds_nothing_to_criticise() -> None:
    """Names, help and types follow the conventions of Prometheus."""
    if shutil.which("promtool") is None:
        pytest.skip("Debian's package prometheus is not installed")
    body, _ = render(_scrape(), "text/plain")
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode(), done.stdout.decode()) == (0, "", "")


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


def test_an_issuer_that_rotates_for_years_adds_no_series_without_end() -> None:
    security = SecurityMetrics()
    for number in range(100):
        security.verified(f"key-{number}" + "x" * 1000)
    assert len(security.signatures_verified) == 32
    assert all(len(kid) <= 64 for kid in security.signatures_verified)
    assert next(reversed(security.signatures_verified)).startswith("key-99")
