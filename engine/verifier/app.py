"""The HTTP service: routes and who may use them, what runs beside them, and how both end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response
from starlette.types import ASGIApp

from engine.errors import EngineError
from engine.sap.outbox import outbox_path
from engine.sap.written import WrittenRows
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.trust import ResponseSigner
from engine.verifier.access import Access, Guarded
from engine.verifier.adapt_endpoints import AdaptEndpoints
from engine.verifier.front import FrontDoor
from engine.verifier.policy_endpoints import PolicyEndpoints
from engine.verifier.problems import RequestError, problem_document, problem_headers, status_of
from engine.verifier.rollout_endpoints import RolloutEndpoints
from engine.verifier.routes import METRICS, SCOPES
from engine.verifier.runtime import LOOK_S, REFRESH_S, REPORT_S, Runtime
from engine.verifier.signing import ResultSigning
from engine.verifier.status_endpoints import StatusEndpoints
from engine.verifier.store_thread import StoreThread
from engine.verifier.trail_watch import WATCH_S, TrailWatch
from engine.verifier.verify_endpoint import VerifyEndpoint


def build_app(
    runtime: Runtime,
    *,
    access: Access,
    signer: ResponseSigner,
    security: SecurityMetrics,
    hosts: frozenset[bytes] | None = None,
    drift_gate: bool = False,
    metrics_exposed: bool = False,
    new_id: Callable[[], str] = lambda: secrets.token_hex(8),
) -> ASGIApp:
    """The verifier as an ASGI application. Its lifespan keeps `runtime` up to date and closes it.

    Args:
        runtime: What is served.
        access: Who may ask for what.
        signer: Signs results.
        security: Counts tokens and signatures.
        hosts: Host names that are answered; None answers all.
        drift_gate: Whether `/readyz` says no while a gate is closed.
        metrics_exposed: Whether `/metrics` needs a token.
        new_id: Makes ids for requests that bring none.
    """
    store_thread, metrics = StoreThread(), RequestMetrics()
    written = WrittenRows(outbox_path(runtime.ctx.settings.state_dir))
    signing = ResultSigning(signer)
    security.expose_key(signer.kid)
    verify = VerifyEndpoint(runtime, access, signing, metrics, security)
    status = StatusEndpoints(runtime, signer, metrics, security, written, drift_gate=drift_gate)
    policies = PolicyEndpoints(runtime, store_thread)
    adapt = AdaptEndpoints(runtime, store_thread)
    rollout = RolloutEndpoints(runtime, access, store_thread)
    handlers: dict[str, Callable[[Request], Any]] = {
        "/policy/compile": policies.compile,
        "/policy/{policy_id}": policies.show,
        "/adapt/plan": adapt.plan,
        "/adapt/run": adapt.run,
        "/rollout": rollout.rollout,
        "/drift": rollout.drift,
        "/healthz": status.healthz,
        "/readyz": status.readyz,
        "/metrics": status.prometheus,
        "/.well-known/jwks.json": status.jwks,
    }
    public = frozenset() if metrics_exposed else frozenset({METRICS})
    routes = [Route("/verify", verify, methods=["POST"])]
    routes += [_route(path, handler, access, public=path in public) for path, handler in handlers.items()]
    app = Starlette(
        routes=routes,
        exception_handlers={EngineError: _problem, HTTPException: _http_problem},
        lifespan=lambda _: _lifespan(runtime, store_thread, TrailWatch(runtime.ctx, security), written, signing),
    )
    return FrontDoor(app, direct={("POST", "/verify"): verify}, runtime=runtime, new_id=new_id, hosts=hosts)


def _route(path: str, handler: Callable[[Request], Any], access: Access, *, public: bool) -> Route:
    """A route behind its guard. Every method needs a scope unless the table or the caller says it is for anybody."""
    needed: Mapping[str, Any] = SCOPES[path]
    scopes = {method: scope for method, scope in needed.items() if scope is not None}
    endpoint = handler if public or not scopes else Guarded(request_response(handler), access, scopes)
    return Route(path, endpoint, methods=list(needed))


@asynccontextmanager
async def _lifespan(
    runtime: Runtime, store_thread: StoreThread, trail: TrailWatch, written: WrittenRows, signing: ResultSigning
) -> AsyncIterator[None]:
    """Catch up with the store before the first request, keep up and watch its trail, report a last time."""
    await store_thread.run(runtime.refresh)
    repeated = (
        (runtime.refresh, REFRESH_S),
        (runtime.report, REPORT_S),
        (runtime.look, LOOK_S),
        (trail.look, WATCH_S),
        (written.read, WATCH_S),
    )
    kept_up = [asyncio.create_task(store_thread.repeat(action, every_s=every_s)) for action, every_s in repeated]
    yield
    for task in kept_up:
        task.cancel()
    await asyncio.gather(*kept_up, return_exceptions=True)
    await store_thread.run(written.close)
    await store_thread.run(runtime.close)
    store_thread.close()
    signing.close()


def _problem(request: Request, error: Exception) -> Response:
    known = cast(EngineError, error)
    request.scope["state"]["problem"] = known.code
    body = problem_document(known, request.scope["state"]["request_id"])
    return Response(body, status_code=status_of(known), headers=problem_headers(known))


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
