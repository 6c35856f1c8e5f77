"""Sources of evidence without a network: what is read, and that silence or rubbish is never zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.drift.counts import Counts
from engine.errors import Unavailable
from engine.rollout.state import RolloutState
from engine.telemetry.attended import AttendedSource
from engine.telemetry.exposition import Scrape, render
from engine.telemetry.prometheus_source import PrometheusSource
from engine.telemetry.scrape_source import ScrapeSource, replica_name
from tests.samples.scraped import POLICY, scrape_after
from tests.samples.stored import first_state

NOW = datetime(2026, 3, 1, 13, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def state() -> RolloutState:
    """The rollout that the sample expositions report on."""
    return replace(first_state(POLICY), step_id="s1", step_started_at=NOW)


def text(scrape: Scrape) -> str:
    return render(scrape, "text/plain")[0].decode()


def test_one_scrape_gives_the_step_and_the_windows(clock: ManualClock, state: RolloutState) -> None:
    """Exactly what the verifier counted."""
    [sample] = ScrapeSource(lambda: text(scrape_after(3)), clock, replica="v").evidence_of(state)
    counts = Counts(requests=300, enforced=75, over_block=6, preview_over_block=18, aa_samples=6)
    assert sample.step == counts
    assert sample.windows == {"5m": counts, "15m": counts, "60m": counts}
    assert (sample.step_traffic.requests, sample.step_traffic.errors_5xx) == (300, 3)
    assert (sample.replica, sample.step_id, sample.revision, sample.at) == ("v", "s1", 3, NOW)
    assert sample.requests_per_s == 0.0, "one look shows no rate"
    assert sample.recent.requests == 0, "nor what is recent"


def test_a_second_scrape_gives_rate_and_latency(clock: ManualClock, state: RolloutState) -> None:
    """A hundred requests in twenty seconds, one in a hundred a 5xx."""
    scrapes = iter([text(scrape_after(3)), text(scrape_after(4))])
    source = ScrapeSource(lambda: next(scrapes), clock, replica="v")
    source.evidence_of(state)
    clock.advance(20)
    [sample] = source.evidence_of(state)
    assert sample.requests_per_s == 5.0
    assert (sample.recent.requests, sample.recent.errors_5xx) == (100, 1)
    assert sample.recent.quantile_s(0.95) is not None


def test_a_verifier_that_is_still_on_another_step_reports_none(clock: ManualClock, state: RolloutState) -> None:
    """Its counts are no evidence for this step; the gate sees nobody on it."""
    [sample] = ScrapeSource(lambda: text(scrape_after(3)), clock, replica="v").evidence_of(replace(state, step_id="s2"))
    assert (sample.step_id, sample.step) == ("", Counts())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("", "telemetry.no_series"),
        ("# nothing here\n", "telemetry.no_series"),
        ("<html>It works!</html>", "telemetry.malformed"),
        (text(replace(scrape_after(3), policies=())), "telemetry.no_series"),
    ],
)
def test_what_is_no_verifiers_metrics_is_not_zero(
    clock: ManualClock, state: RolloutState, answer: str, code: str
) -> None:
    with pytest.raises(Unavailable) as error:
        ScrapeSource(lambda: answer, clock, replica="v").evidence_of(state)
    assert error.value.code == code


def test_a_verifier_is_named_by_host_and_port_alone() -> None:
    assert replica_name("https://cap.example:8443/base") == "cap.example:8443"
    assert replica_name("http://cap.example") == "cap.example"


Answer = Sequence[Mapping[str, Any]]


def started(instance: str = "a", value: str = "1") -> dict[str, Any]:
    return {
        "metric": {"__name__": "cap_verifier_start_time_seconds", "instance": instance},
        "values": [[NOW.timestamp() - 10, value]],
    }


def decisions(mode: str, value: str) -> dict[str, Any]:
    labels = {"__name__": "adapt_requests_total", "instance": "a", "mode": mode, "policy_id": POLICY}
    return {"metric": labels, "values": [[NOW.timestamp() - 10, value]]}


def step_event(run: str, counted: str, value: str) -> dict[str, Any]:
    labels = {
        "__name__": "adapt_step_events_total",
        "instance": "a",
        "policy_id": POLICY,
        "step": "s1",
        "run": run,
        "counted": counted,
    }
    return {"metric": labels, "value": [NOW.timestamp(), value]}


def answering(*entries: dict[str, Any]) -> Callable[[str], Answer]:
    """A Prometheus that has these series, each answered to the query that names its metric."""

    def query(text: str) -> Answer:
        return [entry for entry in entries if entry["metric"]["__name__"] in text]

    return query


def test_every_run_of_a_process_counts(clock: ManualClock, state: RolloutState) -> None:
    """A verifier that was restarted twice on one address: three series, one replica, one sum."""
    query = answering(
        started(),
        decisions("shadow", "5"),
        *(step_event(run, "requests", value) for run, value in (("1.0", "100"), ("2.0", "20"), ("3.0", "3"))),
        *(step_event(run, "over_block", "1") for run in ("1.0", "2.0", "3.0")),
    )
    [sample] = PrometheusSource(query, clock).evidence_of(state)
    assert sample.step == Counts(requests=123, over_block=3)
    assert (sample.replica, sample.at.timestamp()) == ("a", NOW.timestamp() - 10)


def test_a_class_that_only_a_newer_verifier_knows_is_left_out(clock: ManualClock, state: RolloutState) -> None:
    query = answering(
        started(), decisions("shadow", "5"), step_event("1", "requests", "7"), step_event("1", "mystery", "9")
    )
    [sample] = PrometheusSource(query, clock).evidence_of(state)
    assert sample.step == Counts(requests=7)


@pytest.mark.parametrize(
    "entries",
    [(), (started(),), (decisions("shadow", "5"),)],
    ids=["nothing", "verifiers without the policy", "series without a verifier"],
)
def test_an_empty_answer_is_silence_and_not_zero(
    clock: ManualClock, state: RolloutState, entries: tuple[dict[str, Any], ...]
) -> None:
    """A Prometheus that scrapes nobody answers every query, with nothing."""
    with pytest.raises(Unavailable) as error:
        PrometheusSource(answering(*entries), clock).evidence_of(state)
    assert error.value.code == "telemetry.no_series"


@pytest.mark.parametrize("value", ["NaN", "+Inf", "many", None])
def test_a_value_that_is_no_number_is_not_read_as_one(
    clock: ManualClock, state: RolloutState, value: str | None
) -> None:
    broken = decisions("shadow", "5")
    broken["values"][0][1] = value
    with pytest.raises(Unavailable) as error:
        PrometheusSource(answering(started(), broken), clock).evidence_of(state)
    assert error.value.code == "telemetry.malformed"


def test_only_the_environments_own_verifiers_are_asked_for(clock: ManualClock, state: RolloutState) -> None:
    """Two environments in one Prometheus: every query carries the configured matchers, and quotes what it is given."""
    asked: list[str] = []

    def query(text: str) -> Answer:
        asked.append(text)
        return []

    with pytest.raises(Unavailable):
        PrometheusSource(query, clock, match='namespace="cap"').evidence_of(replace(state, policy_id='x"} or {y="'))
    assert all('namespace="cap"' in text for text in asked)
    assert any('policy_id="x\\"} or {y=\\""' in text for text in asked)


class Switchable:
    """A source that answers until it is switched off."""

    name = "switchable"
    up = True

    def evidence_of(self, state: RolloutState) -> list[Any]:
        if not self.up:
            raise Unavailable("telemetry.unreachable", "Nobody answers", "Look.")
        return []


def test_a_silent_source_says_since_when(clock: ManualClock, state: RolloutState) -> None:
    """And nothing of the kind where it has never answered."""
    source = Switchable()
    attended = AttendedSource(source, clock)
    source.up = False
    with pytest.raises(Unavailable, match=r"^Nobody answers$"):
        attended.evidence_of(state)
    source.up = True
    attended.evidence_of(state)
    source.up = False
    clock.advance(12)
    with pytest.raises(Unavailable, match=r"^Nobody answers \(last answer 12 s ago\)$"):
        attended.evidence_of(state)
