"""The verifier as a process on the loopback: it starts, answers, and ends in order, whoever asks it to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.policies.demonstration import demo_context
from engine.settings import Settings
from engine.verifier.auth import EmbeddedIssuer, Scope

ENDS_WITHIN_S = 10


class Verifier:
    """One verifier process and what it announced."""

    def __init__(self, state_dir: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "engine.verifier", "--state", str(state_dir), "--env", "demo", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.url: str = json.loads(line)["url"] if line else ""

    def end(self) -> tuple[int, str]:
        """Exit status and what it wrote to stderr."""
        _, stderr = self.process.communicate(timeout=ENDS_WITHIN_S)
        return self.process.returncode, stderr.decode()


Start = Callable[..., Verifier]


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[EngineContext]:
    with open_context(replace(Settings(), env="demo", state_dir=tmp_path / "s"), actor="tester") as ctx:
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(), actor="tester")
        yield ctx


@pytest.fixture
def start(ctx: EngineContext) -> Iterator[Start]:
    started: list[Verifier] = []

    def start_one(*arguments: str) -> Verifier:
        started.append(Verifier(ctx.settings.state_dir, *arguments))
        return started[-1]

    yield start_one
    for verifier in started:
        verifier.process.kill()
        verifier.process.communicate()


def bearer(ctx: EngineContext) -> str:
    """The Authorization header of somebody who may verify."""
    issuer = EmbeddedIssuer.open(ctx.settings, clock=ctx.clock)
    return f"Bearer {issuer.mint({Scope.VERIFY_RUN}, subject='tester')}"


def _verify(verifier: Verifier, ctx: EngineContext) -> httpx.Response:
    document = {"policy_id": POLICY_ID, "context": demo_context(ctx.clock.now()), "backend": "mock"}
    return httpx.post(f"{verifier.url}/verify", json=document, headers={"authorization": bearer(ctx)})


def test_it_is_ready_when_it_says_so_and_answers_the_smoke(start: Start, ctx: EngineContext) -> None:
    verifier = start()
    assert httpx.get(f"{verifier.url}/healthz").status_code == 200
    assert httpx.get(f"{verifier.url}/readyz").json()["status"] == "ready"
    assert _verify(verifier, ctx).json()["result"]["verdict"] == "ok"


@pytest.mark.parametrize(("signum", "exit_status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_a_signal_ends_it_in_order_and_its_last_evidence_is_kept(
    start: Start, ctx: EngineContext, signum: signal.Signals, exit_status: int
) -> None:
    verifier = start("--replica", "r7")
    for _ in range(3):
        _verify(verifier, ctx)
    verifier.process.send_signal(signum)
    status, stderr = verifier.end()
    assert status == exit_status
    assert "Traceback" not in stderr
    [sample] = ctx.store.evidence(POLICY_ID)
    assert (sample.replica, sample.step.requests) == ("r7", 3)


def test_it_ends_when_its_parent_does(start: Start) -> None:
    verifier = start("--die-with-parent")
    assert verifier.process.stdin is not None
    verifier.process.stdin.close()
    verifier.process.stdin = None
    assert verifier.end()[0] == 0


def test_without_being_told_it_does_not_mind_a_closed_stdin(start: Start) -> None:
    verifier = start()
    assert verifier.process.stdin is not None
    verifier.process.stdin.close()
    verifier.process.stdin = None
    assert httpx.get(f"{verifier.url}/healthz").status_code == 200


def test_a_request_under_way_is_finished_before_it_ends(start: Start, ctx: EngineContext) -> None:
    """Half a request is on the wire when the signal comes; its other half still gets an answer."""
    verifier = start()
    host, port = verifier.url.removeprefix("http://").split(":")
    body = json.dumps({"policy_id": POLICY_ID, "context": {"_demo": True}}).encode()
    head = f"POST /verify HTTP/1.1\r\nhost: {host}\r\nauthorization: {bearer(ctx)}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=ENDS_WITHIN_S) as connection:
        connection.sendall(head.encode() + body[:10])
        # The server has read the head once it answers on another connection.
        httpx.get(f"{verifier.url}/healthz")
        verifier.process.send_signal(signal.SIGTERM)
        connection.sendall(body[10:])
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
    verifier.end()


def test_a_restarted_replica_goes_on_where_it_was_killed(start: Start, ctx: EngineContext) -> None:
    """Reported evidence survives kill -9; the restarted replica adds to it."""
    verifier = start("--replica", "r1")
    _verify(verifier, ctx)
    _until(lambda: any(sample.step.requests == 1 for sample in ctx.store.evidence(POLICY_ID)))
    verifier.process.kill()
    verifier.process.wait()
    again = start("--replica", "r1")
    _verify(again, ctx)
    _until(lambda: any(sample.step.requests == 2 for sample in ctx.store.evidence(POLICY_ID)))


def test_a_rollback_by_another_process_is_applied_within_a_second(start: Start, ctx: EngineContext) -> None:
    service = service_of(ctx)
    service.set_percent(POLICY_ID, 10_000, actor="tester", reason="test", break_glass=True)
    verifier = start()
    assert _verify(verifier, ctx).json()["result"]["enforced"] is True
    service.rollback(POLICY_ID, actor="tester")
    _until(lambda: _verify(verifier, ctx).json()["result"]["enforced"] is False, within_s=1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--host", "0.0.0.0"), "no name is configured"), (("--host", "elsewhere"), "not an address")],
)
def test_it_does_not_listen_where_anybody_could_reach_it(start: Start, arguments: tuple[str, ...], words: str) -> None:
    status, stderr = start(*arguments).end()
    assert status == 5
    assert words in stderr
    assert "Traceback" not in stderr


def test_a_taken_port_is_an_error_for_people(start: Start) -> None:
    first = start()
    status, stderr = start("--port", first.url.rpartition(":")[2]).end()
    assert status == 5
    assert "cannot be had" in stderr
    assert "hint:" in stderr


def _until(condition: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Wait for another process to do something; its clock is not ours to move."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
