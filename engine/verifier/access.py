"""Who may ask for what: the token, its scope, and how often.

Every endpoint that is not public stands behind `Guarded`, or asks `Access` itself. What a request was let in as lies in
`scope["state"]["principal"]` from then on.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from engine.telemetry.security import SecurityMetrics
from engine.verifier.auth import AuthError, Principal, RateLimiter, Scope, TokenVerifier
from engine.verifier.problems import RateLimited


class Access:
    """Lets requests in, or not, and counts the refusals.

    Args:
        tokens: Verifies bearer tokens.
        limiter: How often each client may ask; None: as often as it likes.
        metrics: Where refusals are counted.
    """

    def __init__(self, tokens: TokenVerifier, *, limiter: RateLimiter | None, metrics: SecurityMetrics) -> None:
        self._tokens = tokens
        self._limiter = limiter
        self._metrics = metrics
        metrics.caches["tokens"] = tokens.cache

    async def admit(self, request: AsgiScope, needed: Scope) -> Principal:
        """Let a request in that needs a scope.

        Raises:
            AuthError: Its token is missing, not accepted, or lacks the scope.
            RateLimited: Its client asks too often.
        """
        try:
            principal = await self._tokens.authenticate(request["headers"], needed)
        except AuthError as error:
            self._metrics.token_refused(error.reason.value)
            raise
        request["state"]["principal"] = principal
        if self._limiter is not None:
            wait_s = self._limiter.admit(principal.client)
            if wait_s > 0:
                raise RateLimited(wait_s)
        return principal

    def require(self, principal: Principal, needed: Scope) -> None:
        """Refuse a principal that was let in for one thing and asks for more. Raises AuthError."""
        try:
            principal.require(needed)
        except AuthError as error:
            self._metrics.token_refused(error.reason.value)
            raise


class Guarded:
    """ASGI wrapper around an endpoint that needs a scope for each method.

    Args:
        app: The endpoint.
        access: Lets requests in.
        scopes: What each method needs.
    """

    def __init__(self, app: ASGIApp, access: Access, scopes: Mapping[str, Scope]) -> None:
        self._app = app
        self._access = access
        self._scopes = {**scopes, "HEAD": scopes["GET"]} if "GET" in scopes else dict(scopes)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        await self._access.admit(scope, self._scopes[scope["method"]])
        await self._app(scope, receive, send)
