"""A furnished store, the service as real processes over it, and callers that never retry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.settings import Settings
from engine.verifier.auth import EmbeddedIssuer, Scope

SMOKE = {"policy_id": POLICY_ID, "context": {"_demo": True}, "backend": "mock"}


class Service:
    """One process of ours that serves, and what it announced."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "CAPCTL_RATE_LIMIT_PER_S": "0", **environ},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.ended = False
        self.url: str = json.loads(line)["url"] if line else ""

    def workers(self) -> list[int]:
        """The process ids of its children."""
        found: list[int] = []
        for children in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            # A thread may end between being listed and being asked.
            with suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, children.read_text().split())
        return found

    def end(self) -> tuple[int, str]:
        """End it in order: its exit status, and what it wrote to stderr."""
        self.ended = True
        self.process.terminate()
        _, stderr = self.process.communicate(timeout=20)
        return self.process.returncode, stderr.decode()


Start = Callable[..., Service]


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[EngineContext]:
    """The operator's context: the demonstration's policy, its lists, and a rollout at 0 %."""
    settings = replace(Settings(), env="demo", state_dir=tmp_path / "s")
    with open_context(settings, actor="tester") as ctx:
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(hold_s=0), actor="tester")
        yield ctx


@pytest.fixture
def start(ctx: EngineContext) -> Iterator[Start]:
    """Starts the service: `start("--workers", "2")`, or one verifier with `module="engine.verifier"`."""
    started: list[Service] = []

    def start_one(*arguments: str, module: str = "capctl", environ: dict[str, str] | None = None) -> Service:
        state = str(ctx.settings.state_dir)
        if module == "capctl":
            command = ["capctl", "serve", "--env", "staging", "--port", "0", *arguments]
        else:
            command = [module, "--env", "staging", "--state", state, "--port", "0", *arguments]
        started.append(Service(command, {"CAPCTL_STATE_DIR": state, **(environ or {})}))
        return started[-1]

    yield start_one
    for service in started:
        if not service.ended:
            service.end()


@pytest.fixture
def bearer(ctx: EngineContext) -> dict[str, str]:
    """The Authorization header of somebody who may do everything."""
    issuer = EmbeddedIssuer.open(ctx.settings, clock=ctx.clock)
    return {"authorization": f"Bearer {issuer.mint(tuple(Scope), subject='tester')}"}


@contextmanager
def under_load(
    url: str, headers: dict[str, str], *, callers: int = 4, document: dict[str, Any] = SMOKE
) -> Iterator[Counter[str]]:
    """Callers on kept-alive connections that send one request after the other and retry none; what they were told."""
    told: Counter[str] = Counter()
    stop = threading.Event()

    def call() -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=10) as client:
            while not stop.is_set():
                try:
                    told[str(client.post("/verify", json=document).status_code)] += 1
                except httpx.HTTPError as error:
                    told[type(error).__name__] += 1

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def until(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Wait for another process to do something; its clock is not ours to move."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
