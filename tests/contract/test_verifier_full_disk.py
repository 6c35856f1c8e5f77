"""A verifier whose disk is full goes on verifying, says what it cannot write, and writes again when it can."""

from __future__ import annotations

import base64
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.audit import verify_chain
from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.demo.seed import DRIFTING_POLICY_ID, POLICY_ID, demo_plan, furnish, service_of
from engine.policies import shipped
from engine.policies.demonstration import demo_context
from engine.settings import Settings
from engine.verifier.auth import EmbeddedIssuer, Scope
from tests.contract.test_verifier_process import Verifier

pytestmark = pytest.mark.crash


class Caller:
    """Somebody who may do everything, and a verifier process."""

    def __init__(self, ctx: EngineContext) -> None:
        self.verifier = Verifier(ctx.settings.state_dir, "--replica", "r1")
        token = EmbeddedIssuer.open(ctx.settings, clock=ctx.clock).mint(tuple(Scope), subject="tester")
        self._client = httpx.Client(base_url=self.verifier.url, headers={"authorization": f"Bearer {token}"})
        self._context = demo_context(ctx.clock.now())

    def fill_disk(self, *, full: bool) -> None:
        """Have the kernel refuse the process every write to a file, or none (prlimit(2))."""
        limit = (0 if full else resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.verifier.process.pid, resource.RLIMIT_FSIZE, limit)

    def verify(self) -> httpx.Response:
        return self._client.post("/verify", json={"policy_id": POLICY_ID, "context": self._context, "backend": "mock"})

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def roll_back(self) -> httpx.Response:
        return self._client.put("/rollout", json={"percent": 0, "reason": "it smells"})

    def publish(self) -> httpx.Response:
        policy = base64.b64encode(shipped()[DRIFTING_POLICY_ID]).decode()
        return self._client.post("/policy/compile", json={"policy": policy, "persist": True})

    def warnings(self) -> Any:
        """What is wrong and no reason to send no traffic."""
        answer = self.get("/readyz")
        assert answer.status_code == 200
        return answer.json()["warnings"]

    def end(self) -> None:
        self._client.close()
        self.verifier.process.kill()
        self.verifier.process.communicate()


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[EngineContext]:
    with open_context(replace(Settings(), env="demo", state_dir=tmp_path / "s"), actor="tester") as ctx:
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(), actor="tester")
        service_of(ctx).set_percent(POLICY_ID, 10_000, actor="tester", reason="test", break_glass=True)
        yield ctx


@pytest.fixture
def caller(ctx: EngineContext) -> Iterator[Caller]:
    caller = Caller(ctx)
    yield caller
    caller.end()


def test_a_full_disk_takes_no_verification_down(caller: Caller, ctx: EngineContext) -> None:
    """Reads are served, writes answer 503 with what is wrong, and what was measured meanwhile is reported later."""
    assert caller.verify().status_code == 200
    caller.fill_disk(full=True)
    answers = [caller.verify() for _ in range(5)]
    assert {(answer.status_code, answer.json()["result"]["enforced"]) for answer in answers} == {(200, True)}
    until(lambda: caller.warnings() == ["STORE_NOT_WRITABLE"])
    for path in ("/healthz", f"/policy/{POLICY_ID}", "/rollout", "/drift", "/metrics", "/.well-known/jwks.json"):
        assert caller.get(path).status_code == 200
    for refused in (caller.roll_back(), caller.publish()):
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["code"] == "registry.io_error"
        assert str(ctx.settings.state_dir) not in refused.text
    state = ctx.store.rollout(POLICY_ID)
    assert state is not None
    assert state.basis_points == 10_000
    assert ctx.store.published(DRIFTING_POLICY_ID) is None

    caller.fill_disk(full=False)
    until(lambda: caller.warnings() == [])
    until(lambda: [sample.step.requests for sample in ctx.store.evidence(POLICY_ID)] == [6])
    assert (caller.roll_back().status_code, caller.publish().status_code) == (200, 200)
    assert caller.verify().json()["result"]["enforced"] is False
    assert list(verify_chain(ctx.store.audit_lines(), head=ctx.store.audit_head())) == []


def until(condition: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Wait for another process to do something; its clock is not ours to move."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
