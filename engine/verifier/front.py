"""The front door: what happens to every request, whatever it asks for.

It gives each request an id, refuses a foreign `Host`, and is the last resort when something raises. It stands outside
Starlette's own error handling because what is logged there (exception text) may hold data from a request.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.errors import EngineError
from engine.verifier.body import ClientGone
from engine.verifier.failures import describe
from engine.verifier.logs import method_of, route_of
from engine.verifier.problems import UNEXPECTED, RequestError, problem_document, problem_headers, status_of
from engine.verifier.runtime import Runtime
from engine.verifier.tls import PEER_REFUSED

LOOPBACK_HOSTS = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
"""Names under which a loopback service may be addressed; any other is a page that rebinds its DNS name to us."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("capctl.verifier")


class FrontDoor:
    """ASGI wrapper around the whole application.

    Args:
        app: What answers.
        direct: What answers some requests, by method and path, without passing the router and its middleware; the
            router knows them too, for whatever else is asked of their paths.
        runtime: Once it drains, every answer asks its client to take its next request elsewhere.
        new_id: Makes the id of a request that brings none, or one that is not acceptable.
        hosts: Host names that are answered, without port, lower-case; None answers all.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        direct: Mapping[tuple[str, str], ASGIApp],
        runtime: Runtime,
        new_id: Callable[[], str],
        hosts: frozenset[bytes] | None,
    ) -> None:
        self._app = app
        self._direct = direct
        self._runtime = runtime
        self._new_id = new_id
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, host = self._introduced(scope)
        status = 0
        began = self._runtime.clock.monotonic()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode())]
                if self._runtime.health.draining:
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            await send(message)

        try:
            self._require_welcome(scope, host)
            answer = self._direct.get((scope["method"], scope["path"]), self._app)
            await answer(scope, receive, send_with_id)
        except EngineError as error:
            await send_problem(error, scope, send_with_id)
        except ClientGone:
            return
        except Exception as error:
            _log.error(describe(error), extra={"request_id": request_id})
            if not status:
                await send_problem(UNEXPECTED, scope, send_with_id)
        if status >= 400 or scope["method"] == "PUT":
            _log_answer(scope, status, self._runtime.clock.monotonic() - began)

    def _introduced(self, scope: Scope) -> tuple[str, bytes]:
        """The request's id, which it keeps from here on, and the host it is addressed to."""
        given_id = host = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given_id = value
            elif name == b"host":
                host = value
        request_id = given_id.decode() if _REQUEST_ID.fullmatch(given_id) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        return request_id, host

    def _require_welcome(self, scope: Scope, host: bytes) -> None:
        if scope["state"].get(PEER_REFUSED):
            raise RequestError(403, "http.client_certificate", "The client's certificate is not for this service")
        if self._hosts is not None and _host_name(host) not in self._hosts:
            raise RequestError(400, "http.wrong_host", "This service does not answer to that host name")


def _log_answer(scope: Scope, status: int, elapsed_s: float) -> None:
    """Log a request that was refused, failed or changed something; the many others are counted."""
    state = scope["state"]
    fields = {
        "request_id": state["request_id"],
        "method": method_of(scope["method"]),
        "route": route_of(scope["path"]),
        "status": status,
        "duration_ms": round(elapsed_s * 1000, 3),
    }
    if "problem" in state:
        fields["code"] = state["problem"]
    if "principal" in state:
        fields |= {"actor": state["principal"].actor, "client": state["principal"].client}
    _log.log(logging.ERROR if status >= 500 else logging.INFO, "request", extra=fields)


async def send_problem(error: EngineError, scope: Scope, send: Send) -> int:
    """Answer with the problem document of an error, and return the status sent."""
    status = status_of(error)
    scope["state"]["problem"] = error.code
    body = problem_document(error, scope["state"]["request_id"])
    headers = problem_headers(error)
    await send_body(status, body, [(name.encode(), value.encode()) for name, value in headers.items()], send)
    return status


async def send_body(status: int, body: bytes, headers: list[tuple[bytes, bytes]], send: Send) -> None:
    """Answer with a whole body."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _host_name(host: bytes) -> bytes:
    name = host.lower()
    end = name.find(b"]") + 1 if name.startswith(b"[") else name.find(b":")
    return name[:end] if end > 0 else name
