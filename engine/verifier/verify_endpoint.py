"""`POST /verify`: the hot path, plain ASGI. Everything else is a Starlette endpoint."""

from __future__ import annotations

import orjson
from starlette.types import Receive, Scope, Send

from engine.decision.verdict import Verdict
from engine.errors import EngineError
from engine.telemetry.requests import RequestMetrics
from engine.verifier.body import ClientGone, read_json_object
from engine.verifier.front import send_body, send_problem
from engine.verifier.runtime import Runtime
from engine.verifier.verification import DemoContext, verify

_RESULT_OF = {verdict: verdict.label for verdict in Verdict}
_HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class VerifyEndpoint:
    """Answers `POST /verify` with `{"result": {...}}`.

    Only these requests count as traffic: probes and scrapes would water down the latency and the share of errors that
    the gate reads.

    Args:
        runtime: What is served, and where decisions are counted.
        metrics: Counts requests for `/metrics`.
        demo: Stands in for `{"_demo": true}`.
    """

    def __init__(self, runtime: Runtime, metrics: RequestMetrics, demo: DemoContext) -> None:
        self._runtime = runtime
        self._metrics = metrics
        self._demo = demo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        monotonic = self._runtime.clock.monotonic
        started = monotonic()
        status, result = 500, "error"
        try:
            document = await read_json_object(scope, receive)
            began = monotonic()
            body, result = self._answer(document)
            self._metrics.observe_selection(monotonic() - began)
            status = 200
            await send_body(200, body, _HEADERS, send)
        except EngineError as error:
            result = "rejected"
            status = await send_problem(error, scope, send)
        except ClientGone:
            status, result = 499, "rejected"
        finally:
            # An exception nobody expected passes through here as the 500 that the front door makes of it.
            elapsed = monotonic() - started
            self._runtime.recorder.record_http(status, elapsed)
            self._metrics.observe(result if status < 500 else "error", elapsed)

    def _answer(self, document: dict[str, object]) -> tuple[bytes, str]:
        runtime = self._runtime
        verification = verify(document, runtime.serving, runtime.clock.now(), self._demo)
        runtime.record(verification)
        return orjson.dumps({"result": verification.result}), _RESULT_OF[verification.decision.enforced.verdict]
