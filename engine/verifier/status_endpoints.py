"""What a verifier says about itself and what it serves: health, readiness, metrics, policies. All read only."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.errors import NotFound
from engine.telemetry.exposition import render
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.verifier.readiness import check_ready
from engine.verifier.runtime import Runtime
from engine.verifier.scrape import scrape

NO_STORE = {"cache-control": "no-store"}


class StatusEndpoints:
    """Endpoints that only look.

    Args:
        runtime: The verifier.
        metrics: Its HTTP counters.
        security: Its counters of tokens and signatures.
        drift_gate: Whether a closed gate makes it not ready.
    """

    def __init__(
        self, runtime: Runtime, metrics: RequestMetrics, security: SecurityMetrics, *, drift_gate: bool
    ) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._security = security
        self._drift_gate = drift_gate

    async def healthz(self, _: Request) -> Response:
        """The process is alive."""
        return JSONResponse({"status": "ok"}, headers=NO_STORE)

    async def readyz(self, _: Request) -> Response:
        """Traffic may be sent here, or why not."""
        report = check_ready(self._runtime, drift_gate=self._drift_gate)
        return JSONResponse(report.to_json(), status_code=200 if report.ready else 503, headers=NO_STORE)

    async def prometheus(self, request: Request) -> Response:
        """Metrics, in the format the scraper asks for."""
        body, content_type = render(
            scrape(self._runtime, self._metrics, self._security), request.headers.get("accept", "")
        )
        return Response(body, headers={"content-type": content_type, **NO_STORE})

    async def policy(self, request: Request) -> Response:
        """The published IR of a policy, as its canonical bytes."""
        policy_id = request.path_params["policy_id"]
        serving = self._runtime.serving
        served = serving.policies.get(policy_id) if serving else None
        if served is None:
            raise NotFound("policy.unknown", "No policy of that id is published", "See `capctl policy list`.")
        tag = f'"ir:{served.entry.ir_hash}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if _matches(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(served.decider.ir.canonical, media_type="application/json", headers=headers)


def _matches(if_none_match: str, tag: str) -> bool:
    """Whether a tag is among those the caller has (RFC 9110, section 13.1.2; the comparison is weak)."""
    known = [candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")]
    return tag in known or known == ["*"]
