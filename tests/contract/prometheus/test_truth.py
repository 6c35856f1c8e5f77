"""What the console shows from Prometheus is the truth: the same numbers as the log of the requests, to the event."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import cycle

import httpx
import pytest

from engine.bootstrap import open_context
from engine.clock import from_rfc3339
from engine.context import EngineContext
from engine.decision.context import check_context
from engine.decision.decider import Decider
from engine.demo.access import mint_token
from engine.demo.context import ContextStream
from engine.demo.seed import POLICY_ID, demo_plan, inject_drift, service_of
from engine.drift.counts import Counts
from engine.drift.gate import Answer
from engine.ops.catalogue import REGISTRY
from engine.ops.results.drift import DriftView
from engine.ops.run import run
from engine.rollout.snapshot import ControlSnapshot
from engine.verifier.auth.scopes import Scope
from tests.contract.prometheus.conftest import Prometheus, Verifier, until

pytestmark = pytest.mark.slow

LOAD_PER_S = 40


class Client:
    """Sends the seeded stream of contexts to verifiers in turn, and keeps a log of what was asked and answered."""

    def __init__(self, verifiers: list[Verifier], token: str) -> None:
        self._http = httpx.Client(timeout=5, headers={"authorization": f"Bearer {token}"})
        self._verifiers = cycle(verifiers)
        self._contexts = ContextStream(7, datetime.now(UTC).date())
        self.log: list[tuple[dict[str, object], dict[str, object]]] = []

    def send(self, requests: int) -> None:
        for _ in range(requests):
            context = next(self._contexts)
            document = {"policy_id": POLICY_ID, "context": context}
            answer = self._http.post(f"{next(self._verifiers).url}/verify", json=document)
            assert answer.status_code == 200, answer.text
            self.log.append((context, answer.json()["result"]))

    def close(self) -> None:
        self._http.close()


def token_of(ctx: EngineContext) -> str:
    """What lets a client of these verifiers in."""
    return mint_token(ctx.settings.state_dir, ctx.clock, {Scope.VERIFY_RUN}, subject="tester", ttl_s=600)


@pytest.fixture
def fleet(
    ctx: EngineContext, make_verifier: Callable[[str], Verifier], make_prometheus: Callable[..., Prometheus]
) -> Iterator[tuple[list[Verifier], Prometheus, Client]]:
    """Two verifiers at 0 %, scraped by a Prometheus, and a client with a log."""
    service_of(ctx).start(POLICY_ID, demo_plan(drift_max=0.5, hold_s=0), actor="tester")
    verifiers = [make_verifier("a"), make_verifier("b")]
    prometheus = make_prometheus()
    prometheus.scrape(*(verifier.url for verifier in verifiers))
    client = Client(verifiers, token_of(ctx))
    yield verifiers, prometheus, client
    client.close()


@pytest.fixture
def console(ctx: EngineContext, fleet: tuple[list[Verifier], Prometheus, Client]) -> Iterator[EngineContext]:
    """A console that reads the fleet from Prometheus."""
    settings = replace(ctx.settings, source="prometheus", prometheus_url=fleet[1].url)
    with open_context(settings, actor="tester") as console:
        yield console


def drift_shown(console: EngineContext) -> DriftView:
    """What `capctl drift show` answers."""
    view: DriftView = run(REGISTRY["drift.show"], console, policy=POLICY_ID)
    return view


def status(console: EngineContext) -> ControlSnapshot:
    """What the control room shows."""
    snapshot: ControlSnapshot = run(REGISTRY["status.show"], console, policy=POLICY_ID)
    return snapshot


def truth(ctx: EngineContext, log: list[tuple[dict[str, object], dict[str, object]]]) -> Counts:
    """What the log says: both sides of every request are evaluated again, here and now."""
    store = ctx.store
    state = store.rollout(POLICY_ID)
    assert state is not None
    candidate = store.ir(state.candidate_ir_hash) if state.candidate_ir_hash else None
    sets = {entry.root: store.reference_set(entry.root) for entry in store.reference_sets()}
    decider = Decider(store.policy(POLICY_ID), sets, salt=state.salt, candidate=candidate)
    total = Counts()
    for context, result in log:
        decision = decider.decide(
            check_context(context),
            at=from_rfc3339(str(result["at"])),
            enforce=bool(result["enforced"]),
            basis_points=10_000 if result["enforced"] else 0,
            unit=str(result["context_hash"]),
        )
        applied = {decision.drift.value: 1} if decision.drift else {}
        preview = {f"preview_{decision.preview.value}": 1} if decision.preview else {}
        kinds = {name: n for name, n in {**applied, **preview}.items() if not name.endswith("none")}
        total += Counts(requests=1, enforced=int(bool(result["enforced"])), **kinds)
    return total


def without_self_checks(counts: Counts) -> Counts:
    """The A/A samples are the verifier's own affair; no request log shows them."""
    return replace(counts, aa_samples=0, aa_mismatches=0)


def applied_everywhere(prometheus: Prometheus, revision: int) -> bool:
    """Whether Prometheus has seen both verifiers at a revision."""
    found = prometheus.query(f'adapt_rollout_revision{{policy_id="{POLICY_ID}"}} == {revision}')
    return len(found) == 2


def test_drift_from_prometheus_is_the_request_log_during_a_ramp(
    ctx: EngineContext, fleet: tuple[list[Verifier], Prometheus, Client], console: EngineContext
) -> None:
    """0 -> 25 -> 100 under a drifting candidate: each step and the whole ramp, to the event."""
    _, prometheus, client = fleet
    service = service_of(ctx)
    inject_drift(ctx)
    for percent in (0, 25, 100):
        state = service.set_percent(POLICY_ID, percent * 100, actor="tester", reason="ramp", break_glass=percent > 0)
        until(partial(applied_everywhere, prometheus, state.revision), "both are on the step")
        begun = len(client.log)
        client.send(150)
        expected_step, expected = truth(ctx, client.log[begun:]), truth(ctx, client.log)
        until(lambda: drift_shown(console).windows["60m"].requests >= len(client.log), "everything is scraped")
        shown = drift_shown(console)
        assert without_self_checks(shown.step) == expected_step
        assert without_self_checks(shown.windows["60m"]) == expected
        assert without_self_checks(shown.windows["5m"]) == expected
    assert expected.drift > 0
    assert shown.source_age_s is not None
    assert shown.source_age_s < 5
    json.dumps(shown.to_json(), allow_nan=False)


def test_a_verifier_killed_under_load_takes_nothing_back_and_counts_on(
    ctx: EngineContext, fleet: tuple[list[Verifier], Prometheus, Client], console: EngineContext
) -> None:
    """What Prometheus had seen of it stays counted, nothing is counted twice, and it is back without a hand."""
    (first, second), prometheus, client = fleet
    until(lambda: applied_everywhere(prometheus, 1), "both are scraped")
    with under_load(Client([second], token_of(ctx))) as load:
        client.send(60)
        until(lambda: scraped_of(prometheus, first) == 30, "what it answered is scraped")
        before = drift_shown(console).step.requests
        first.kill()
        until(lambda: prometheus.query("up == 0") != [], "Prometheus sees that it is down")
        assert drift_shown(console).step.requests >= before
        first.start()
        until(lambda: prometheus.query("up == 0") == [], "it is back")
        client.send(60)
    answered = len(client.log) + len(load.log)
    until(lambda: drift_shown(console).step.requests >= answered, "everything is scraped")
    shown = drift_shown(console)
    # It was idle when it died, so there was nothing to lose: what is shown is what was answered.
    assert shown.step.requests == shown.windows["60m"].requests == answered


def test_prometheus_killed_under_load_holds_the_gate_and_recovers_to_the_truth(
    ctx: EngineContext, fleet: tuple[list[Verifier], Prometheus, Client], console: EngineContext
) -> None:
    """The console says so, with the time since; the open gate holds; afterwards not one event is missing."""
    verifiers, prometheus, _ = fleet
    until(lambda: applied_everywhere(prometheus, 1), "both are scraped")
    with under_load(Client(verifiers, token_of(ctx))) as load:
        until(lambda: gate_of(console) is Answer.OPEN, "the gate opens on the evidence")
        prometheus.kill()
        blind = status(console)
        assert blind.gate is not None
        assert blind.gate.answer is Answer.HOLD
        assert any("Prometheus does not answer (last answer" in problem for problem in blind.problems)
        assert blind.rollout is not None, "where the rollout stands is still known"
        prometheus.start()
        until(lambda: gate_of(console) is Answer.OPEN, "it recovers by itself")
    until(lambda: drift_shown(console).step.requests >= len(load.log), "everything is scraped")
    shown = drift_shown(console)
    assert without_self_checks(shown.step) == truth(ctx, load.log)
    assert without_self_checks(shown.windows["60m"]) == truth(ctx, load.log)


def scraped_of(prometheus: Prometheus, verifier: Verifier) -> float:
    """How many decisions of one verifier Prometheus has seen."""
    instance = verifier.url.removeprefix("http://")
    [total] = prometheus.query(f'sum(adapt_requests_total{{instance="{instance}"}})')
    return float(total["value"][1])


def gate_of(console: EngineContext) -> Answer | None:
    """What the gate says in the control room."""
    gate = status(console).gate
    return gate.answer if gate else None


@contextmanager
def under_load(client: Client) -> Iterator[Client]:
    """Keep sending from another thread; the log is complete when the body has ended."""
    stop = threading.Event()

    def keep_sending() -> None:
        while not stop.wait(1 / LOAD_PER_S):
            client.send(1)

    with ThreadPoolExecutor(max_workers=1) as executor:
        sending = executor.submit(keep_sending)
        try:
            yield client
        finally:
            stop.set()
            sending.result(timeout=30)
            client.close()


def test_one_verifier_can_be_read_without_prometheus(
    ctx: EngineContext, make_verifier: Callable[[str], Verifier]
) -> None:
    """`--source scrape` shows its step and windows at once, and holds as soon as it is gone."""
    service_of(ctx).start(POLICY_ID, demo_plan(), actor="tester")
    verifier = make_verifier("a")
    settings = replace(ctx.settings, source="scrape", verifier_url=verifier.url)
    client = Client([verifier], token_of(ctx))
    with open_context(settings, actor="tester") as console:
        client.send(80)
        shown = drift_shown(console)
        assert without_self_checks(shown.step) == without_self_checks(shown.windows["5m"]) == truth(ctx, client.log)
        client.send(20)
        found = status(console)
        assert found.step.requests == 100
        assert found.requests_per_s > 0
        assert found.p95_s is not None
        verifier.kill()
        gone = status(console)
        assert gone.gate is not None
        assert gone.gate.answer is Answer.HOLD
        assert any("The verifier does not answer (last answer" in problem for problem in gone.problems)
        verifier.start()
        until(lambda: not status(console).problems, "it is read again")
    client.close()


def test_a_prometheus_that_scrapes_nobody_is_not_zero_drift(
    ctx: EngineContext, make_prometheus: Callable[..., Prometheus]
) -> None:
    """An empty answer is no evidence: the gate holds, and says what is wrong."""
    service_of(ctx).start(POLICY_ID, demo_plan(), actor="tester")
    settings = replace(ctx.settings, source="prometheus", prometheus_url=make_prometheus().url)
    with open_context(settings, actor="tester") as console:
        found = status(console)
    assert found.gate is not None
    assert found.gate.answer is Answer.HOLD
    assert any("has no series of lksg.v1" in problem for problem in found.problems)
