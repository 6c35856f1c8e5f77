"""A furnished store, a held clock, a runtime on both, and the service over it, without sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import POLICY_ID, demo_plan, furnish, service_of
from engine.settings import Settings
from engine.verifier.assembly import assemble
from engine.verifier.auth import EmbeddedIssuer, Scope
from engine.verifier.runtime import Runtime


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_ctx(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[[], EngineContext]]:
    """Opens contexts on one store, as several processes would."""
    opened: list[EngineContext] = []

    def open_one() -> EngineContext:
        settings = replace(Settings(), env="demo", state_dir=tmp_path / "state", rate_limit_per_s=0)
        ctx = open_context(settings, actor="tester", clock=clock, random_bytes=lambda n: b"\x07" * n)
        opened.append(ctx)
        return ctx

    yield open_one
    for ctx in opened:
        ctx.close()


@pytest.fixture
def ctx(open_ctx: Callable[[], EngineContext]) -> EngineContext:
    """The operator's context, on a store with the demonstration's policy and lists and a rollout at 0 %."""
    ctx = open_ctx()
    furnish(ctx)
    service_of(ctx).start(POLICY_ID, demo_plan(hold_s=0), actor="tester")
    return ctx


@pytest.fixture
def runtime(ctx: EngineContext, open_ctx: Callable[[], EngineContext]) -> Runtime:
    """A verifier's runtime that has read the store once."""
    runtime = Runtime(open_ctx(), replica="r1")
    runtime.refresh()
    return runtime


Mint = Callable[..., str]


@pytest.fixture
def mint(runtime: Runtime) -> Mint:
    """Makes tokens of the embedded issuer, with every scope unless some are named."""
    issuer = EmbeddedIssuer.open(runtime.ctx.settings, clock=runtime.clock)
    return lambda *scopes, subject="tester": issuer.mint(scopes or tuple(Scope), subject=subject)


@pytest.fixture
def transport(runtime: Runtime) -> httpx.ASGITransport:
    """The service over `runtime`."""
    return httpx.ASGITransport(app=assemble(runtime, environ={}, new_id=lambda: "generated-id").app)


@pytest.fixture
async def client(transport: httpx.ASGITransport, mint: Mint) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of the service who may do everything."""
    headers = {"authorization": f"Bearer {mint()}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client
