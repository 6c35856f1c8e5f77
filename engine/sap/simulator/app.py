"""The simulated SAP system as an ASGI application: logon, sap-client, CSRF, throttling, then the services."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from engine.sap.simulator.batch import InnerRequest, Reply
from engine.sap.simulator.options import SimulatorOptions
from engine.sap.simulator.rendering import error_body
from engine.sap.simulator.schema import ENTITY_SETS
from engine.sap.simulator.service import Service
from engine.sap.simulator.store import SimulatorStore

ROOT: Final = "/sap/opu/odata/sap"
METHODS: Final = ["GET", "HEAD", "POST", "PUT", "MERGE", "PATCH", "DELETE"]
MODIFYING: Final = frozenset(METHODS) - {"GET", "HEAD"}


class Simulator:
    """A simulated system. One request at a time: it is no benchmark.

    Args:
        store: Its database.
        options: How it behaves.
        token: Makes session ids and CSRF tokens.
    """

    def __init__(
        self,
        store: SimulatorStore,
        options: SimulatorOptions,
        *,
        token: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    ) -> None:
        self.store = store
        self.options = options
        self._token = token
        self._tokens: dict[str, tuple[str, int]] = {}
        """CSRF token and how often it was used, by session."""
        self._wrong_passwords = 0
        self._requests = 0

    def app(self) -> Starlette:
        """The application."""
        return Starlette(routes=[Route("/{path:path}", self._handle, methods=METHODS)])

    async def _handle(self, request: Request) -> Response:
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        # raw_path keeps %2F inside a key apart from a slash between segments.
        raw = request.scope["raw_path"].decode("latin-1")
        target = raw + (f"?{request.url.query}" if request.url.query else "")
        reply = self._answer(InnerRequest(request.method, target, headers, body), str(request.base_url).rstrip("/"))
        return Response(reply.body, status_code=reply.status, headers=reply.headers)

    def _answer(self, request: InnerRequest, origin: str) -> Reply:
        for refuse in (self._throttled, self._not_logged_on, self._wrong_client, self._too_large):
            if reply := refuse(request):
                return reply
        session, cookies = self._session(request)
        if reply := self._without_token(request, session):
            return reply
        reply = self._serve(request, origin)
        headers = dict(reply.headers)
        if cookies:
            headers["set-cookie"] = cookies
        if request.headers.get("x-csrf-token", "").lower() == "fetch" and self.options.csrf:
            token = self._token()
            self._tokens[session] = (token, 0)
            headers["x-csrf-token"] = token
        return reply._replace(headers=headers)

    def _serve(self, request: InnerRequest, origin: str) -> Reply:
        path = urlsplit(request.target).path
        if not path.startswith(ROOT + "/"):
            return self._refusal(404, "No service found")
        name, _, rest = path.removeprefix(ROOT + "/").partition("/")
        entity_set = ENTITY_SETS.get(name.partition(";")[0])
        if entity_set is None:
            return self._refusal(404, "No service found for namespace")
        service = Service(self.store, self.options, entity_set, f"{origin}{ROOT}/{name}", self._refusal)
        return service.answer(request, unquote(rest))

    def _throttled(self, request: InnerRequest) -> Reply | None:  # noqa: ARG002 - one of several checks
        self._requests += 1
        if not self.options.throttle_every or self._requests % self.options.throttle_every:
            return None
        reply = self._refusal(429, "Too many requests")
        if self.options.retry_after:
            reply.headers["retry-after"] = self.options.retry_after
        return reply

    def _not_logged_on(self, request: InnerRequest) -> Reply | None:
        if not self.options.user:
            return None
        if _credentials(request) == (self.options.user, self.options.password):
            if self._wrong_passwords < self.options.lock_after:
                self._wrong_passwords = 0
                return None
        else:
            self._wrong_passwords += 1
        return self._logon_failed()

    def _wrong_client(self, request: InnerRequest) -> Reply | None:
        given = dict(parse_qsl(urlsplit(request.target).query)).get("sap-client")
        return None if given == self.options.client else self._logon_failed()

    def _logon_failed(self) -> Reply:
        body = b"<html><head><title>Logon Error Message</title></head><body>Logon failed</body></html>"
        return Reply(401, {"content-type": "text/html", "www-authenticate": 'Basic realm="SAP NetWeaver"'}, body)

    def _too_large(self, request: InnerRequest) -> Reply | None:
        limit = self.options.max_body_bytes
        return self._refusal(413, "Request too large") if limit and len(request.body) > limit else None

    def _session(self, request: InnerRequest) -> tuple[str, str]:
        """The session's id, and the cookie to set where it is new."""
        name = f"SAP_SESSIONID_SIM_{self.options.client}"
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(name)
        if cookie is not None:
            return cookie.value, ""
        session = self._token()
        return session, f"{name}={session}; path=/; HttpOnly"

    def _without_token(self, request: InnerRequest, session: str) -> Reply | None:
        if not self.options.csrf or request.method not in MODIFYING:
            return None
        token, uses = self._tokens.get(session, ("", 0))
        if token and request.headers.get("x-csrf-token") == token:
            if not self.options.csrf_uses or uses < self.options.csrf_uses:
                self._tokens[session] = (token, uses + 1)
                return None
            del self._tokens[session]
        return Reply(403, {"content-type": "text/plain", "x-csrf-token": "Required"}, b"CSRF token validation failed")

    def _refusal(self, status: int, message: str) -> Reply:
        content_type, body = error_body(status, message, self.options)
        return Reply(status, {"content-type": content_type, "dataserviceversion": "2.0"}, body)


def _credentials(request: InnerRequest) -> tuple[Any, Any]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return user, password
