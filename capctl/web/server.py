"""Serving the control room to a browser: one process of it for each page, on the loopback, to nobody else.

A page of any site that is open in the same browser can try to reach the loopback as well. So a request must name this
server as its host, and a WebSocket must come from one of its own pages (RFC 6455, section 10.2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from textual_serve.server import Server

LOOPBACK: Final = "127.0.0.1"

_CONTENT_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws://{host}; frame-ancestors 'none'"
)
"""Nothing is fetched from elsewhere, and no other page can lay this one under its own."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConsoleServer(Server):
    """Serves one command line of the control room.

    Args:
        command: What is run for each page, for a shell.
        port: Port on the loopback.
        title: Of the page.
    """

    def __init__(self, command: str, *, port: int, title: str) -> None:
        super().__init__(command, host=LOOPBACK, port=port, title=title)
        self._hosts = frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"})

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    async def on_startup(self, app: web.Application) -> None:  # noqa: ARG002 - called so
        """Say where, without a banner."""
        self.console.print(f"The control room is at {self.public_url} (Ctrl-C ends it)")

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        asked_by_own_page = origin is None or origin.removeprefix("http://") in self._hosts
        if request.host not in self._hosts or not asked_by_own_page or (request.path == "/ws" and origin is None):
            return web.Response(status=403, text="This control room answers its own pages only.\n")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = _CONTENT_POLICY.format(host=request.host)
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response
