"""A console that reads its evidence elsewhere: what it may do, and what it says, while nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from capctl.text.views.drift import shown
from engine.bootstrap import open_context, open_source
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.drift.counts import Counts
from engine.drift.gate import Answer
from engine.drift.sample import ReplicaSample, Traffic
from engine.errors import InvalidInput, Unavailable
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.rollout.service import RolloutService
from engine.rollout.state import Phase, RolloutState
from engine.settings import Settings, load_settings


class Fleet:
    """A source that answers with clean evidence, until it is silenced."""

    name = "prometheus"

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.silent = False

    def evidence_of(self, state: RolloutState) -> list[ReplicaSample]:
        if self.silent:
            raise Unavailable("telemetry.unreachable", "Prometheus does not answer", "Check that it runs.")
        clean = Counts(requests=2000, enforced=2000 if state.basis_points else 0)
        fast = Traffic(2000, 0, (0,) * 10 + (2000,) + (0,) * 30)
        return [
            ReplicaSample(
                "10.0.0.1:8080",
                state.policy_id,
                state.step_id,
                state.revision,
                self._clock.now(),
                step=clean,
                step_traffic=fast,
                windows={"5m": clean},
                recent=fast,
                requests_per_s=20.0,
            )
        ]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fleet(clock: ManualClock) -> Fleet:
    return Fleet(clock)


@pytest.fixture
def console(tmp_path: Path, clock: ManualClock, fleet: Fleet) -> Iterator[EngineContext]:
    """A console on a rollout at 0 %, whose verifiers report to nobody but Prometheus."""
    settings = replace(Settings(), env="demo", state_dir=tmp_path / "state", source="prometheus")
    opened = open_context(settings, actor="tester", clock=clock)
    with replace(opened, open_source=lambda name: fleet if name == "prometheus" else None) as ctx:
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(hold_s=0), actor="tester")
        yield ctx


def gate(console: EngineContext, source: str | None = None) -> Answer:
    answer: Answer = run(REGISTRY["gate.check"], console, policy=POLICY_ID, source=source).report.answer
    return answer


def test_the_gate_is_asked_on_the_evidence_of_the_fleet(console: EngineContext) -> None:
    """The registry knows of no verifier; Prometheus knows enough for an open gate."""
    assert gate(console) is Answer.OPEN
    assert gate(console, "embedded") is Answer.HOLD


def test_a_promotion_rests_on_the_same_evidence(console: EngineContext, fleet: Fleet) -> None:
    """It passes on the fleet's evidence, and cannot while the fleet is not heard."""
    fleet.silent = True
    with pytest.raises(Unavailable):
        run(REGISTRY["rollout.promote"], console, policy=POLICY_ID)
    fleet.silent = False
    run(REGISTRY["rollout.promote"], console, policy=POLICY_ID)
    state = console.store.rollout(POLICY_ID)
    assert state is not None
    assert state.basis_points == 2500


def test_rolling_back_needs_no_source(console: EngineContext, fleet: Fleet) -> None:
    run(REGISTRY["rollout.promote"], console, policy=POLICY_ID)
    fleet.silent = True
    run(REGISTRY["rollout.rollback"], console, policy=POLICY_ID)
    state = console.store.rollout(POLICY_ID)
    assert state is not None
    assert state.phase is Phase.ROLLED_BACK


def test_a_silent_source_holds_the_gate_and_is_named(console: EngineContext, fleet: Fleet) -> None:
    """`gate check` answers hold, `status` goes on showing where the rollout stands."""
    fleet.silent = True
    assert gate(console) is Answer.HOLD
    report = run(REGISTRY["gate.check"], console, policy=POLICY_ID).report
    assert ("source", "Prometheus does not answer") in {(c.name, c.detail) for c in report.conditions}
    found = run(REGISTRY["status.show"], console, policy=POLICY_ID)
    assert found.problems == ("Prometheus does not answer",)
    assert found.rollout.basis_points == 0


def test_unknown_drift_is_not_shown_as_none(console: EngineContext, fleet: Fleet) -> None:
    """`drift show` fails; `drift watch` says so in a line, and goes on."""
    fleet.silent = True
    with pytest.raises(Unavailable, match="Prometheus does not answer"):
        run(REGISTRY["drift.show"], console, policy=POLICY_ID)
    looks = run(REGISTRY["drift.watch"], console, policy=POLICY_ID, interval=0.0, count=2)
    [line] = shown(next(looks))
    assert "Prometheus does not answer; the gate holds" in str(line)
    fleet.silent = False
    assert next(looks).step.requests == 2000


def test_a_source_is_opened_once_and_remembers(console: EngineContext) -> None:
    """Rates and 'last answer' need the same source at every look."""
    assert console.drift_source() is console.drift_source("prometheus")
    assert console.drift_source("embedded") is None


def test_every_configured_source_can_be_opened(clock: ManualClock) -> None:
    """Without connecting to anything; an unknown one is refused."""
    assert open_source(Settings(), clock, "embedded") is None
    for name in ("scrape", "prometheus"):
        source = open_source(Settings(), clock, name)
        assert source is not None
        assert source.name == name
    with pytest.raises(InvalidInput):
        open_source(Settings(), clock, "carrier-pigeon")


def test_nobody_listening_is_an_error_for_people(clock: ManualClock, console: EngineContext) -> None:
    """Over a real socket: a closed port, through the real clients of both sources."""
    settings = replace(Settings(), verifier_url="http://127.0.0.1:1", prometheus_url="http://127.0.0.1:1")
    state = console.store.rollout(POLICY_ID)
    assert state is not None
    for name in ("scrape", "prometheus"):
        source = open_source(settings, clock, name)
        assert source is not None
        with pytest.raises(Unavailable) as error:
            source.evidence_of(state)
        assert error.value.code == "telemetry.unreachable"
        assert "127.0.0.1" not in error.value.message


def test_without_a_source_the_registry_is_read(console: EngineContext) -> None:
    service = RolloutService(console.store, console.clock, console.settings, console.random_bytes)
    assert service.source == "embedded"
    assert service.gate(POLICY_ID).answer is Answer.HOLD


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", "grafana"),
        ("verifier_url", "127.0.0.1:8080"),
        ("verifier_url", "ftp://cap.example"),
        ("prometheus_url", "http://operator:secret@prometheus.example"),
        ("prometheus_url", "http://prometheus.example/?query=up"),
        ("prometheus_match", 'namespace="cap"} or {a="b"'),
        ("prometheus_match", "namespace=cap"),
        ("prometheus_match", 'namespace="cap",'),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as error:
        load_settings({}, None, {name: value})
    assert "secret" not in error.value.message


def test_settings_of_a_shared_prometheus() -> None:
    """A path below the host, and matchers that tell the environments apart."""
    chosen = load_settings(
        {"CAPCTL_SOURCE": "prometheus", "CAPCTL_PROMETHEUS_MATCH": 'namespace="cap",job=~"cap-.+"'},
        None,
        {"prometheus_url": "https://metrics.example/prometheus/"},
    )
    assert chosen.prometheus_url == "https://metrics.example/prometheus"
    assert chosen.prometheus_match == 'namespace="cap",job=~"cap-.+"'
