"""The canary watch through a real Prometheus: fifteen minutes of history, watched in a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from engine.clock import ManualClock
from engine.cutover.canary import CanaryLimits, CanaryRow, watch_canary
from engine.cutover.canary_sources import PrometheusWatch
from engine.telemetry.prometheus_source import ask_prometheus
from tests.contract.prometheus.conftest import Prometheus

MakePrometheus = Callable[..., Prometheus]

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When the watch begins; the history begins five minutes before."""
STEP_S = 15
LEAD = 20
SCRAPES = LEAD + 80
A_SCRAPE = 100
"""Requests between two scrapes."""
BOUNDS = ("0.01", "0.6", "+Inf")


@dataclass
class Pod:
    """The history of one verifier, scrape by scrape."""

    name: str
    errors: Callable[[int], int | None] = lambda _: 0
    """By number of scrape; None: the series does not exist."""
    requests: Callable[[int], int] = lambda scrape: A_SCRAPE * scrape
    scraped: range = field(default_factory=lambda: range(SCRAPES))
    started: Callable[[int], int] = lambda _: 1
    gone_after: int = SCRAPES

    def samples(self) -> dict[str, list[str]]:
        """Lines of OpenMetrics by metric family."""
        me = f'namespace="cap",instance="{self.name}:8080",job="verifier",replica="{self.name}"'
        lines: dict[str, list[str]] = {name: [] for name in FAMILIES}
        for scrape in range(min(SCRAPES, self.gone_after)):
            at = int(BEGIN.timestamp()) + (scrape - LEAD) * STEP_S
            lines["up"].append(f"up{{{me}}} {int(scrape in self.scraped)} {at}")
            if scrape not in self.scraped:
                continue
            requests, errors = self.requests(scrape), self.errors(scrape)
            lines["cap_verifier_start_time_seconds"].append(
                f"cap_verifier_start_time_seconds{{{me}}} {self.started(scrape)} {at}"
            )
            results = {"ok": requests - (errors or 0)} | ({} if errors is None else {"error": errors})
            for result, count in results.items():
                lines["cap_verifier_requests"].append(
                    f'cap_verifier_requests_total{{{me},result="{result}"}} {count} {at}'
                )
            for bound in BOUNDS:
                lines["cap_verifier_request_duration_seconds"].append(
                    f'cap_verifier_request_duration_seconds_bucket{{{me},le="{bound}"}} {requests} {at}'
                )
            lines["adapt_requests"].append(
                f'adapt_requests_total{{{me},policy_id="lksg.v1",mode="shadow"}} {requests} {at}'
            )
        return lines


FAMILIES = {
    "up": "gauge",
    "cap_verifier_start_time_seconds": "gauge",
    "cap_verifier_requests": "counter",
    "cap_verifier_request_duration_seconds": "unknown",
    "adapt_requests": "counter",
    "kube_horizontalpodautoscaler_status_current_replicas": "gauge",
}


def history(*pods: Pod, autoscaler: str = "") -> str:
    """An OpenMetrics document of several pods."""
    told = [pod.samples() for pod in pods]
    parts = []
    for family, kind in FAMILIES.items():
        parts.append(f"# TYPE {family} {kind}")
        # The samples of a series must stand together, in the order of time.
        series: dict[str, list[str]] = {}
        for line in (line for samples in told for line in samples[family]):
            series.setdefault(line.rpartition("}")[0], []).append(line)
        parts += [line for lines in series.values() for line in lines]
    # The only lines of the last family.
    return "\n".join(parts) + f"\n{autoscaler}# EOF\n"


@pytest.fixture
def watch(make_prometheus: MakePrometheus) -> Callable[..., list[CanaryRow]]:
    """Backfills a history and watches it from `BEGIN` on."""

    def run(*pods: Pod, autoscaler: str = "") -> list[CanaryRow]:
        server, clock = make_prometheus(history(*pods, autoscaler=autoscaler)), ManualClock(BEGIN)
        source = PrometheusWatch(ask_prometheus(server.url), match='namespace="cap"')
        rows = watch_canary(
            source, CanaryLimits(), policy_id="lksg.v1", clock=clock, interval_s=STEP_S, sleep=clock.advance
        )
        return list(rows)

    return run


Watch = Callable[..., list[CanaryRow]]


def at_s(row: CanaryRow) -> float:
    """Since the watch began."""
    return (row.at - BEGIN).total_seconds()


def test_a_clean_history_is_green_after_fifteen_minutes(watch: Watch) -> None:
    last = watch(Pod("cap-1"), Pod("cap-2"))[-1]
    assert (last.answer, last.reasons, last.replicas) == ("yes", (), 2)
    assert last.clean_s >= 900
    # The first look is at the moment of a scrape; nothing after it has been counted then.
    assert last.tracks["all"].traffic.requests == 2 * A_SCRAPE * round(at_s(last) / STEP_S)


def test_one_5xx_among_thousands_is_red_when_it_is_scraped(watch: Watch) -> None:
    last = watch(Pod("cap-1"), Pod("cap-2", errors=lambda scrape: int(scrape >= LEAD + 20)))[-1]
    assert (last.answer, at_s(last)) == ("no", 20 * STEP_S)
    assert "1 of 4,000 answers were 5xx" in last.reasons[0]


def test_a_series_born_at_seven_is_seven_errors(watch: Watch) -> None:
    """PromQL's increase() says 0 here: the series has no sample before its first."""
    last = watch(Pod("cap-1", errors=lambda scrape: 7 if scrape >= LEAD + 20 else None))[-1]
    assert last.answer == "no"
    assert "7 of 2,000" in last.reasons[0]


def test_a_target_that_is_down_is_silence(watch: Watch) -> None:
    """Its last numbers are good, and nobody knows what happens now."""
    last = watch(Pod("cap-1"), Pod("cap-2", scraped=range(LEAD + 10)))[-1]
    assert (last.answer, last.final) == ("hold", True)
    assert "cap-2:8080: Prometheus cannot scrape it" in last.reasons[0]
    assert last.clean_s < 10 * STEP_S


def test_no_requests_are_silence(watch: Watch) -> None:
    last = watch(Pod("cap-1", requests=lambda _: 5000))[-1]
    assert (last.answer, last.reasons) == ("hold", ("silence: no requests since the watch began",))


def test_a_prometheus_that_knows_nobody_is_silence(watch: Watch) -> None:
    last = watch(Pod("cap-1", gone_after=0))[-1]
    assert (last.answer, last.reasons) == ("hold", ("silence: Prometheus answers, and knows no verifier",))


def test_a_history_that_ends_is_silence(watch: Watch) -> None:
    """Prometheus itself stopped scraping: `up` still says 1 for minutes, the samples' age does not."""
    last = watch(Pod("cap-1", gone_after=LEAD + 10))[-1]
    assert (last.answer, last.final) == ("hold", True)
    assert last.clean_s < 15 * STEP_S


def test_a_restart_is_red(watch: Watch) -> None:
    last = watch(Pod("cap-1", started=lambda scrape: 1 + int(scrape >= LEAD + 5)))[-1]
    assert (last.answer, last.reasons) == ("no", ("1 restart of a verifier",))


def test_the_autoscaler_is_told_and_not_judged(watch: Watch) -> None:
    name = 'kube_horizontalpodautoscaler_status_current_replicas{namespace="cap",horizontalpodautoscaler="cap"}'
    begin = int(BEGIN.timestamp())
    lines = [f"{name} {3 if scrape < 30 else 5} {begin + scrape * STEP_S}\n" for scrape in range(60)]
    last = watch(Pod("cap-1"), autoscaler="".join(lines))[-1]
    assert (last.answer, last.scaling) == ("yes", ("cap: 3 -> 5 replicas",))
