"""`POST /verify`: the hot path, plain ASGI. Everything else is a Starlette endpoint."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from engine.decision.verdict import Verdict
from engine.errors import EngineError
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.verifier.access import Access
from engine.verifier.arrival import TOO_SLOW
from engine.verifier.auth.scopes import Scope as TokenScope
from engine.verifier.body import ClientGone, read_json_object
from engine.verifier.front import send_body, send_problem
from engine.verifier.runtime import Runtime
from engine.verifier.signing import ResultSigning
from engine.verifier.verification import verify

_RESULT_OF = {verdict: verdict.label for verdict in Verdict}
_HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class VerifyEndpoint:
    """Answers `POST /verify` with `{"result": {...}}`, signed.

    Only these requests count as traffic: probes and scrapes would water down the latency and the share of errors that
    the gate reads. So would requests that were not let in, unless it was for a fault of this side.

    Args:
        runtime: What is served, and where decisions are counted.
        access: Lets requests in.
        signing: Signs results.
        metrics: Counts requests for `/metrics`.
        security: Counts signatures.
    """

    def __init__(
        self,
        runtime: Runtime,
        access: Access,
        signing: ResultSigning,
        metrics: RequestMetrics,
        security: SecurityMetrics,
    ) -> None:
        self._runtime = runtime
        self._access = access
        self._signing = signing
        self._metrics = metrics
        self._security = security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        monotonic = self._runtime.clock.monotonic
        started = monotonic()
        status, result, admitted = 500, "error", False
        try:
            await self._access.admit(scope, TokenScope.VERIFY_RUN)
            admitted = True
            document = await read_json_object(scope, receive)
            body, result = await self._answer(document)
            status = 200
            await send_body(200, body, _HEADERS, send)
        except EngineError as error:
            result = "rejected"
            status = await send_problem(error, scope, send)
        except ClientGone:
            status, result = 499, "rejected"
        finally:
            # An exception nobody expected passes through here as the 500 that the front door makes of it.
            # One that never arrived whole took its caller's time: as latency it would let any caller close the gate.
            if (admitted and status != TOO_SLOW.status) or status >= 500:
                elapsed = monotonic() - started
                self._runtime.recorder.record_http(status, elapsed)
                self._metrics.observe(result if status < 500 else "error", elapsed)

    async def _answer(self, document: dict[str, object]) -> tuple[bytes, str]:
        runtime = self._runtime
        began = runtime.clock.monotonic()
        verification = verify(document, runtime.serving, runtime.clock.now())
        described = verification.describe(written=True)
        self._metrics.observe_selection(runtime.clock.monotonic() - began)
        signed = await self._signing.sign(described)
        self._security.signed(signed.kid)
        # Counted once it is certain to be answered: a result that cannot be signed was never given.
        runtime.record(verification)
        return b'{"result":%b}' % signed.to_document(), _RESULT_OF[verification.decision.enforced.verdict]
