"""What a verifier says about itself: health, readiness, metrics, and the keys its results verify against."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.sap.written import WrittenRows
from engine.telemetry.exposition import render
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.trust import ResponseSigner, to_jwks
from engine.verifier.readiness import check_ready
from engine.verifier.runtime import Runtime
from engine.verifier.scrape import scrape

NO_STORE = {"cache-control": "no-store"}
JWKS_MAX_AGE_S = 300
"""How long a key set may be kept: a rotation announces its key at least so long before it signs with it."""


class StatusEndpoints:
    """Endpoints that only look.

    Args:
        runtime: The verifier.
        signer: Whose public keys it shows.
        metrics: Its HTTP counters.
        security: Its counters of tokens and signatures.
        written: Counts what the adapter has written to SAP.
        drift_gate: Whether a closed gate makes it not ready.
    """

    def __init__(
        self,
        runtime: Runtime,
        signer: ResponseSigner,
        metrics: RequestMetrics,
        security: SecurityMetrics,
        written: WrittenRows,
        *,
        drift_gate: bool,
    ) -> None:
        self._runtime = runtime
        self._signer = signer
        self._metrics = metrics
        self._security = security
        self._written = written
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
        exposed = scrape(self._runtime, self._metrics, self._security, self._written.by_status)
        body, content_type = render(exposed, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type, **NO_STORE})

    async def jwks(self, _: Request) -> Response:
        """The public keys that results verify against."""
        headers = {"cache-control": f"public, max-age={JWKS_MAX_AGE_S}"}
        return JSONResponse(to_jwks(self._signer.public_keys()), headers=headers, media_type="application/jwk-set+json")
