"""The HTTP service: routes, what runs beside them, and how both end.

The service has no authentication of its own yet. `middleware` is where it comes in: a middleware that has verified who
asks sets `scope["state"]["actor"]`, and refuses by raising an `EngineError` or answering itself.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from engine.errors import EngineError
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.verifier.auth import AuthReason
from engine.verifier.front import FrontDoor
from engine.verifier.problems import RequestError, problem_document, problem_headers, status_of
from engine.verifier.rollout_endpoints import RolloutEndpoints
from engine.verifier.runtime import LOOK_S, REFRESH_S, REPORT_S, Runtime
from engine.verifier.status_endpoints import StatusEndpoints
from engine.verifier.store_thread import StoreThread
from engine.verifier.verification import DemoContext
from engine.verifier.verify_endpoint import VerifyEndpoint


def build_app(
    runtime: Runtime,
    *,
    demo: DemoContext,
    hosts: frozenset[bytes] | None = None,
    drift_gate: bool = False,
    middleware: Sequence[Middleware] = (),
    new_id: Callable[[], str] = lambda: secrets.token_hex(8),
) -> ASGIApp:
    """The verifier as an ASGI application. Its lifespan keeps `runtime` up to date and closes it.

    Args:
        runtime: What is served.
        demo: Stands in for the context `{"_demo": true}`.
        hosts: Host names that are answered; None answers all.
        drift_gate: Whether `/readyz` says no while a gate is closed.
        middleware: What stands between the front door and the endpoints: authentication, rate limits.
        new_id: Makes ids for requests that bring none.
    """
    store_thread = StoreThread()
    metrics = RequestMetrics()
    security = SecurityMetrics(reason.value for reason in AuthReason)
    status = StatusEndpoints(runtime, metrics, security, drift_gate=drift_gate)
    rollout = RolloutEndpoints(runtime, store_thread)
    routes = [
        Route("/verify", VerifyEndpoint(runtime, metrics, demo), methods=["POST"]),
        Route("/healthz", status.healthz),
        Route("/readyz", status.readyz),
        Route("/metrics", status.prometheus),
        Route("/policy/{policy_id}", status.policy),
        Route("/rollout", rollout.rollout, methods=["GET", "PUT"]),
        Route("/drift", rollout.drift),
    ]
    app = Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={EngineError: _problem, HTTPException: _http_problem},
        lifespan=lambda _: _lifespan(runtime, store_thread),
    )
    return FrontDoor(app, new_id=new_id, hosts=hosts)


@asynccontextmanager
async def _lifespan(runtime: Runtime, store_thread: StoreThread) -> AsyncIterator[None]:
    """Catch up with the store before the first request, keep up, report a last time."""
    await store_thread.run(runtime.refresh)
    kept_up = [
        asyncio.create_task(store_thread.repeat(action, every_s=every_s))
        for action, every_s in ((runtime.refresh, REFRESH_S), (runtime.report, REPORT_S), (runtime.look, LOOK_S))
    ]
    yield
    for task in kept_up:
        task.cancel()
    await asyncio.gather(*kept_up, return_exceptions=True)
    await store_thread.run(runtime.close)
    store_thread.close()


def _problem(request: Request, error: Exception) -> Response:
    known = cast(EngineError, error)
    status = status_of(known)
    body = problem_document(known, request.scope["state"]["request_id"])
    return Response(body, status_code=status, headers=problem_headers(status))


def _http_problem(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown path, a method that does not fit."""
    refused = cast(HTTPException, error)
    if refused.status_code == 405:
        named = RequestError(405, "http.method_not_allowed", "That method is not allowed here", "See Allow.")
    else:
        named = RequestError(refused.status_code, "http.not_found", "There is nothing at that path")
    response = _problem(request, named)
    response.headers.update(refused.headers or {})
    return response
