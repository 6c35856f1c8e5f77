"""Several workers and replicas: nothing is lost when they come and go, and they agree."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import httpx
import pytest

from engine.context import EngineContext
from engine.demo.context import ContextStream
from engine.demo.seed import POLICY_ID, service_of
from engine.policies.demonstration import demo_context
from engine.verifier.runtime import REPORT_S
from tests.contract.service.conftest import SMOKE, Start, under_load, until

pytestmark = pytest.mark.slow


def test_renewing_every_worker_under_load_loses_no_request(start: Start, bearer: dict[str, str]) -> None:
    service = start("--workers", "2")
    before = set(service.workers())
    with under_load(service.url, bearer) as told:
        until(lambda: told["200"] > 50)
        service.process.send_signal(signal.SIGHUP)
        until(lambda: len(set(service.workers()) - before) == 2, within_s=30)
        seen = told["200"]
        until(lambda: told["200"] > seen + 50)
    assert set(told) == {"200"}


def test_a_killed_worker_comes_back_and_others_lose_nothing(start: Start, bearer: dict[str, str]) -> None:
    """Only what the killed one was answering is lost; whoever connects anew is served throughout."""
    service = start("--workers", "2")
    victim, survivor = service.workers()
    with under_load(service.url, bearer) as told:
        until(lambda: told["200"] > 50)
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(service.workers()) == 2 and victim not in service.workers(), within_s=30)
        seen = told["200"]
        until(lambda: told["200"] > seen + 50)
    lost = sum(count for answer, count in told.items() if answer != "200")
    assert lost <= 4, told
    assert survivor in service.workers()


def test_what_a_killed_verifier_had_not_reported_is_missing_and_nobody_counts_it_as_clean(
    start: Start, ctx: EngineContext, bearer: dict[str, str]
) -> None:
    """Half a second of its evidence at most is gone for good: the gate asks for that many more, it guesses nothing.

    Its last report stays counted; its successor of the same name goes on from there and counts nothing twice.
    """
    service = start("--workers", "2")
    document = {"policy_id": POLICY_ID, "context": demo_context(ctx.clock.now())}
    with under_load(service.url, bearer, document=document) as told:
        until(lambda: told["200"] > 300)
        before = evidence_of(ctx)
        began = time.monotonic()
        victim = service.workers()[0]
        os.kill(victim, signal.SIGKILL)
        assert evidence_of(ctx) >= before, "what it had reported is not taken back"
        until(lambda: len(service.workers()) == 2 and victim not in service.workers(), within_s=30)
        seen = told["200"]
        until(lambda: told["200"] > seen + 300)
        # More than it was: what was answered before counts too.
        per_s = told["200"] / (time.monotonic() - began)
    answered, asked = told["200"], sum(told.values())
    until(lambda: evidence_of(ctx) >= answered - 2 * REPORT_S * per_s)
    service.end()
    assert answered - 2 * REPORT_S * per_s <= evidence_of(ctx) <= asked
    report = service_of(ctx).gate(POLICY_ID)
    assert report.n == evidence_of(ctx), "the gate judges what was reported, and nothing else"


def evidence_of(ctx: EngineContext) -> int:
    """How many decisions of the current step the fleet has reported."""
    return service_of(ctx).assess(POLICY_ID).fleet.step.requests


def test_a_service_whose_supervisor_is_killed_leaves_no_worker_behind(start: Start) -> None:
    service = start("--workers", "2")
    workers = service.workers()
    service.process.kill()
    service.process.wait()
    until(lambda: not any(_alive(pid) for pid in workers), within_s=10)


def test_replicas_behind_one_store_judge_alike(start: Start, ctx: EngineContext, bearer: dict[str, str]) -> None:
    """Same buckets, same rollout, same policies: the same requests are enforced, with the same verdict.

    Plan hashes are left out: a plan names the time it was made for, and no two requests share one. Nothing drifts,
    because the steward would roll back in the middle, and one replica sees that a moment before the other.
    """
    service_of(ctx).set_percent(POLICY_ID, 5000, actor="tester", reason="test", break_glass=True)
    first, second = (start("--replica", name, module="engine.verifier") for name in ("a", "b"))
    stream = ContextStream(3, ctx.clock.now().date())
    judged = []
    for context in (next(stream) for _ in range(60)):
        document = {"policy_id": POLICY_ID, "context": context}
        answers = [
            httpx.post(f"{s.url}/verify", json=document, headers=bearer).json()["result"] for s in (first, second)
        ]
        judged += [tuple((a["enforced"], a["verdict"], a["violations"], a["ir_hash"], a["kid"]) for a in answers)]
    assert all(one == other for one, other in judged)
    assert {one[0] for one, _ in judged} == {True, False}


def test_a_change_at_one_replica_reaches_the_others_within_a_second(start: Start, bearer: dict[str, str]) -> None:
    first, second = (start("--replica", name, module="engine.verifier") for name in ("a", "b"))
    change = {"percent": 100, "break_glass": True, "reason": "test"}
    answer = httpx.put(f"{first.url}/rollout", json=change, headers={**bearer, "if-match": '"1"'})
    assert answer.status_code == 200, answer.text

    def enforced(url: str) -> bool:
        answered: bool = httpx.post(f"{url}/verify", json=SMOKE, headers=bearer).json()["result"]["enforced"]
        return answered

    until(lambda: enforced(first.url) and enforced(second.url), within_s=1.0)
    drift = httpx.get(f"{second.url}/drift", headers=bearer)
    until(
        lambda: (
            {
                replica["revision"]
                for replica in httpx.get(f"{second.url}/drift", headers=bearer).json()["policies"][POLICY_ID][
                    "replicas"
                ]
            }
            == {2}
        ),
        within_s=2.0,
    )
    assert drift.status_code == 200


def test_it_is_ready_within_two_seconds(start: Start) -> None:
    began = time.monotonic()
    service = start()
    assert httpx.get(f"{service.url}/readyz").status_code == 200
    assert time.monotonic() - began < 2.0 * _slowness()


def _slowness() -> float:
    """How busy this machine is: what an interpreter's start takes against 20 ms."""
    import subprocess
    import sys

    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return max(1.0, (time.monotonic() - began) / 0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _result(url: str, document: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = httpx.post(f"{url}/verify", json=document, headers=headers).json()["result"]
    return result
