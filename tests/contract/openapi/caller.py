"""A caller of a service in this process, without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from starlette.types import ASGIApp

from engine.verifier.assembly import assemble
from engine.verifier.auth import EmbeddedIssuer, Scope
from engine.verifier.runtime import Runtime


class Caller:
    """Sends requests to the service over a runtime, and waits for the answers.

    Args:
        runtime: What is served.
        network: How the service reaches its issuer.
        before: Puts something before the service.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        network: httpx.AsyncBaseTransport | None = None,
        before: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self.runtime = runtime
        app = assemble(runtime, environ={}, network=network).app
        self.app = before(app) if before else app
        self.headers: dict[str, str] = {}
        """Sent with each request."""
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """The answer to a request; `content` is what httpx takes (`json`, `content`, `params`)."""
        sent = {**self.headers, **(headers or {})}
        return self._loop.run_until_complete(self._client.request(method, path, headers=sent, **content))

    def mint(self, *scopes: Scope) -> str:
        """A token of the embedded issuer, with every scope unless some are named."""
        issuer = EmbeddedIssuer.open(self.runtime.ctx.settings, clock=self.runtime.clock)
        return issuer.mint(scopes or tuple(Scope), subject="tester")

    def close(self) -> None:
        """Let go of everything."""
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()
        self.runtime.ctx.close()
