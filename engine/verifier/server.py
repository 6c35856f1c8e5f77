"""The verifier as a process: one socket, one event loop, one store, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from engine.bootstrap import open_context
from engine.settings import Settings
from engine.verifier.assembly import Service, assemble
from engine.verifier.listening import announce, check_address, listen, url_of
from engine.verifier.logs import configure_logs
from engine.verifier.runtime import Runtime
from engine.verifier.tls import http_protocol, server_context

DRAIN_S = 5
"""Longest wait for requests under way when the process is asked to end, in seconds."""
LEAVE_S = 2.0
"""Longest time that clients get to take their next request elsewhere before idle connections are closed."""
KEEP_ALIVE_S = 75
"""Longer than proxies keep an idle connection (60 s), so that it is they who close it."""
BACKLOG = 2048


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    replica: str = "local",
    drift_gate: bool = False,
    die_with_parent: bool = False,
    shared_socket: int | None = None,
) -> None:
    """Run the verifier until SIGTERM or SIGINT; requests under way are finished, evidence is reported a last time.

    Prints one JSON line with the URL on stdout when it answers.

    Args:
        settings: Of the environment.
        host: Address to listen on.
        port: 0 takes a free one.
        replica: Stable name of this replica, under which its evidence is kept.
        drift_gate: Whether `/readyz` says no while a gate is closed.
        die_with_parent: End as well when stdin closes.
        shared_socket: File descriptor of a listening socket that other workers share; instead of host and port.

    Raises:
        Refused: Settings are too weak for production, or for an address that others can reach.
        InvalidInput: The address is none, or settings contradict each other.
        Unavailable: The port, a key or a certificate cannot be had.
    """
    configure_logs(replica)
    context = server_context(settings)
    runtime = Runtime(open_context(settings, actor=f"verifier-{replica}"), replica=replica)
    service = assemble(runtime, drift_gate=drift_gate)
    if shared_socket is None:
        check_address(host, settings)
        listening = listen(host, port)
    else:
        listening = socket.socket(fileno=shared_socket)
    config = uvicorn.Config(
        service.app,
        http=http_protocol(frozenset(settings.mtls_sans)),
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    url = url_of(listening, scheme="http" if context is None else "https")
    server = _Server(
        config,
        service,
        announce=lambda: announce(url),
        die_with_parent=die_with_parent,
        shares_socket=shared_socket is not None,
    )
    # Ctrl-C is how a verifier in the foreground is ended; uvicorn has drained before it raises it again.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Uvicorn's server, which says when it is ready and stops being ready before it drains."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        *,
        announce: Callable[[], None],
        die_with_parent: bool,
        shares_socket: bool,
    ) -> None:
        super().__init__(config)
        self._service = service
        self._shares_socket = shares_socket
        self._announce = announce
        self._die_with_parent = die_with_parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        # Lists and compiled policies live as long as the process: the collector need not look through them again and
        # again for the garbage of requests, which reference counting frees.
        gc.collect()
        gc.freeze()
        if self._die_with_parent:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._parent_spoke)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.runtime.drain()
        await self._let_clients_leave()
        await super().shutdown(sockets=sockets)
        await self._service.aclose()

    async def _let_clients_leave(self) -> None:
        """Answer on, and tell each client with its answer to connect anew: to another worker or replica.

        A kept-alive connection that is closed at a moment when its client sends a request loses that request.
        """
        if self._shares_socket:
            # The others accept what comes from now on; what waits in the shared queue is not lost.
            for server in self.servers:
                server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LEAVE_S
        while self.server_state.connections and loop.time() < deadline and not self.force_exit:  # noqa: ASYNC110 - uvicorn's own set
            await asyncio.sleep(0.02)

    def _parent_spoke(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.should_exit = True
