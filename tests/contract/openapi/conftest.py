"""The service over a furnished store, and the committed document it is held to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.types import ASGIApp

from engine.bootstrap import open_context
from engine.clock import ManualClock, SystemClock
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.settings import Settings
from engine.verifier.auth import EmbeddedIssuer, Scope
from engine.verifier.runtime import Runtime
from tests.contract.openapi.caller import Caller
from tests.contract.openapi.document import CommittedDocument

Serve = Callable[..., Caller]


@pytest.fixture(scope="session")
def document() -> CommittedDocument:
    """The document in docs/openapi/openapi.yaml."""
    return CommittedDocument.read()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serves a store with a policy, its lists and a rollout at 0 %, under the settings that are given."""
    opened: list[Caller] = []

    def serve_one(
        *,
        network: httpx.AsyncBaseTransport | None = None,
        before: Callable[[ASGIApp], ASGIApp] | None = None,
        **given: Any,
    ) -> Caller:
        settings = Settings(env="demo", state_dir=tmp_path_factory.mktemp("state"), rate_limit_per_s=0)
        ctx = open_context(replace(settings, **given), actor="tester", clock=ManualClock())
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(hold_s=0), actor="tester")
        runtime = Runtime(ctx, replica="r1")
        runtime.refresh()
        opened.append(Caller(runtime, network=network, before=before))
        return opened[-1]

    yield serve_one
    for caller in opened:
        caller.close()


@pytest.fixture(scope="module")
def service(serve: Serve) -> Caller:
    """A service whose caller may do everything."""
    caller = serve()
    caller.headers["authorization"] = f"Bearer {caller.mint()}"
    return caller


@pytest.fixture(scope="module")
def runtime(service: Caller) -> Runtime:
    """The runtime of `service`."""
    return service.runtime


class Process(NamedTuple):
    """A verifier process, without a rate limit, and a token for everything."""

    url: str
    token: str


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A verifier as a process of its own, which must outlive whatever is sent to it."""
    settings = Settings(env="demo", state_dir=tmp_path_factory.mktemp("state"))
    with open_context(settings, actor="tester") as ctx:
        furnish(ctx)
        service_of(ctx).start(POLICY_ID, demo_plan(), actor="tester")
    token = EmbeddedIssuer.open(settings, clock=SystemClock()).mint(tuple(Scope), subject="tester")
    command = [sys.executable, "-m", "engine.verifier", "--state", str(settings.state_dir), "--env", "demo"]
    with subprocess.Popen(
        [*command, "--port", "0", "--die-with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "CAPCTL_RATE_LIMIT_PER_S": "0"},
    ) as running:
        assert running.stdout is not None
        yield Process(json.loads(running.stdout.readline())["url"], token)
        assert running.poll() is None, "the service did not survive"
        running.terminate()
