"""The verifier as a process: one socket, one event loop, one store, and an orderly end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn

from engine.bootstrap import open_context
from engine.errors import InvalidInput, Unavailable
from engine.policies.demonstration import demo_context
from engine.verifier.app import build_app
from engine.verifier.front import LOOPBACK_HOSTS
from engine.verifier.runtime import Runtime

if TYPE_CHECKING:
    from engine.settings import Settings

DRAIN_S = 5
"""Longest wait for requests under way when the process is asked to end, in seconds."""
BACKLOG = 2048


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    replica: str = "local",
    drift_gate: bool = False,
    die_with_parent: bool = False,
) -> None:
    """Run the verifier until SIGTERM or SIGINT; requests under way are finished, evidence is reported a last time.

    Prints one JSON line with the URL on stdout when it answers.

    Args:
        settings: Of the environment.
        host: A loopback address: there is no authentication yet.
        port: 0 takes a free one.
        replica: Stable name of this replica, under which its evidence is kept.
        drift_gate: Whether `/readyz` says no while a gate is closed.
        die_with_parent: End as well when stdin closes.

    Raises:
        InvalidInput: The address is not a loopback address.
        Unavailable: The port cannot be had.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    listening = _listen(host, port)
    runtime = Runtime(open_context(settings, actor=f"verifier-{replica}"), replica=replica)
    app = build_app(runtime, demo=demo_context, hosts=LOOPBACK_HOSTS, drift_gate=drift_gate)
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config, runtime, announce=lambda: _announce(listening), die_with_parent=die_with_parent)
    # Ctrl-C is how a verifier in the foreground is ended; uvicorn has drained before it raises it again.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Uvicorn's server, which says when it is ready and stops being ready before it drains."""

    def __init__(
        self, config: uvicorn.Config, runtime: Runtime, *, announce: Callable[[], None], die_with_parent: bool
    ) -> None:
        super().__init__(config)
        self._runtime = runtime
        self._announce = announce
        self._die_with_parent = die_with_parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self._die_with_parent:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._parent_spoke)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._runtime.drain()
        await super().shutdown(sockets=sockets)

    def _parent_spoke(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise InvalidInput("serve.address", f"{host} is not an address", "Use 127.0.0.1 or ::1.") from error
    if not address.is_loopback:
        raise InvalidInput(
            "serve.not_loopback",
            f"{host} is not a loopback address, and the verifier has no authentication yet",
            "Use 127.0.0.1 or ::1.",
        )
    listening = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    # A restarted verifier takes its port back at once instead of waiting for old connections to time out.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((str(address), port))
    except OSError as error:
        listening.close()
        raise Unavailable(
            "serve.port", f"Port {port} cannot be had: {error.strerror}", "Use another port, or 0 for any."
        ) from error
    return listening


def _announce(listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    print(json.dumps({"event": "ready", "url": f"http://{name}:{port}"}), flush=True)  # noqa: T201 - the contract
