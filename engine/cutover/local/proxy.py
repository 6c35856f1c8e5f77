"""The proxy before the local verifiers: an ASGI application that streams, never retries, and says who answered.

A backend is chosen when a request begins. What is under way stays where it is, so weights can change at any moment
without losing a request, and a backend that is no longer chosen is idle once `in_flight` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.types import Receive, Scope, Send

from engine.canonical import canonical_json
from engine.cutover.local.routing import WeightedRouter
from engine.cutover.local.upstream import Answer, Upstream, UpstreamLostError

SERVED_BY: Final = b"x-served-by"
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers of one connection, which a proxy does not pass on (RFC 9110, section 7.6.1)."""


class Proxy:
    """Passes requests on.

    Args:
        upstream: Speaks to the backends; it neither retries nor follows redirects.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._router = WeightedRouter()
        self._urls: Mapping[str, str] = {}
        self.in_flight: Counter[str] = Counter()
        """Requests under way, by backend."""

    def route(self, urls: Mapping[str, str], weights: Mapping[str, int]) -> None:
        """Send what comes from now on to these backends, by weight."""
        self._urls = dict(urls)
        self._router.route(weights)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        backend = self._router.choose()
        if backend is None:
            await _refuse(send, 503, "proxy.no_backend", "No verifier is ready")
            return
        self.in_flight[backend] += 1
        try:
            await self._pass_on(backend, scope, receive, send)
        finally:
            self.in_flight[backend] -= 1

    async def _pass_on(self, backend: str, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        headers = [(name, value) for name, value in scope["headers"] if name not in HOP_BY_HOP]
        if any(name == b"transfer-encoding" for name, _ in scope["headers"]):
            headers.append((b"transfer-encoding", b"chunked"))
        try:
            answer = await self._upstream.send(self._urls[backend], scope["method"], target, headers, _body(receive))
        except UpstreamLostError:
            await _refuse(send, 502, "proxy.backend_lost", "The verifier did not answer", backend)
            return
        try:
            await _relay(answer, backend, send)
        finally:
            answer.close()


async def _relay(answer: Answer, backend: str, send: Send) -> None:
    headers = [(name, value) for name, value in answer.headers if name not in HOP_BY_HOP]
    headers.append((SERVED_BY, backend.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for chunk in answer.body():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client is gone")
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _refuse(send: Send, status: int, code: str, detail: str, backend: str = "") -> None:
    """A problem document (RFC 9457) of the proxy's own."""
    problem = {"type": f"urn:capctl:problem:{code}", "status": status, "code": code, "detail": detail}
    headers = [(b"content-type", b"application/problem+json"), (b"retry-after", b"1")]
    if backend:
        headers.append((SERVED_BY, backend.encode()))
    body = canonical_json(problem)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
