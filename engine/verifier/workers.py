"""Several worker processes behind one address, supervised.

The supervisor binds the socket and never accepts; the workers inherit it and share its queue. So a connection that is
waiting when a worker ends is taken by another one, or by the same one when it is back. A worker that dies is started
again; SIGHUP renews the workers one after the other without losing a request.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from typing import Final

from engine.clock import Clock, SystemClock
from engine.errors import InvalidInput, Unavailable
from engine.settings import Settings
from engine.trust.passphrase import read_passphrase
from engine.verifier.hardening import check_production
from engine.verifier.listening import announce, check_address, listen, url_of
from engine.verifier.server import BACKLOG
from engine.verifier.supervision import Child, module_command
from engine.verifier.tls import server_context

MAX_WORKERS: Final = 64
START_S: Final = 20.0
"""Longest wait for a worker's sign of life."""
FIRST_TRIES: Final = 3
"""How often a worker that never answered is started before the supervisor gives up."""
LOOK_S: Final = 0.1


def serve_workers(
    settings: Settings,
    *,
    workers: int,
    host: str = "127.0.0.1",
    port: int = 8080,
    replica: str = "local",
    drift_gate: bool = False,
) -> None:
    """Run the verifier in several processes until SIGTERM or SIGINT; SIGHUP renews them one by one.

    Prints one JSON line with the URL on stdout when all of them answer.

    Args:
        settings: Of the environment; the workers read them again from where this process did.
        workers: How many.
        host: Address to listen on.
        port: 0 takes a free one.
        replica: Name of this replica; the workers are called `NAME-1`, `NAME-2`...
        drift_gate: Whether `/readyz` says no while a gate is closed.

    Raises:
        InvalidInput: The number or the address makes no sense, or settings contradict each other.
        Refused: Settings are too weak for production.
        Unavailable: The port cannot be had, or a worker does not start.
    """
    if not 1 <= workers <= MAX_WORKERS:
        raise InvalidInput("serve.workers", f"Cannot run {workers} workers", f"Give 1 to {MAX_WORKERS}.")
    check_production(settings, has_passphrase=read_passphrase(settings, os.environ) is not None)
    context = server_context(settings)
    check_address(host, settings)
    signals: SimpleQueue[int] = SimpleQueue()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, lambda number, _: signals.put(number))
    with closing(listen(host, port)) as shared:
        shared.listen(BACKLOG)
        crew = [
            Worker(_command(settings, shared, name, drift_gate=drift_gate), name=name, shared=shared)
            for name in (f"{replica}-{number}" for number in range(1, workers + 1))
        ]
        try:
            _at_once(crew, Worker.start)
            announce(url_of(shared, scheme="http" if context is None else "https"))
            while signals.get() == signal.SIGHUP:
                for worker in crew:
                    worker.renew()
        finally:
            _at_once(crew, Worker.stop)


class Worker:
    """One supervised worker process.

    Args:
        command: Its command line.
        name: Its replica's name.
        shared: The socket it inherits.
        clock: Times its start.
    """

    def __init__(self, command: list[str], *, name: str, shared: socket.socket, clock: Clock | None = None) -> None:
        self._command = command
        self._name = name
        self._shared = shared
        self._clock = clock or SystemClock()
        self._answers = threading.Event()
        self._child = self._make()

    def _make(self) -> Child:
        return Child(
            self._name,
            lambda: self._command,
            log_dir=None,
            clock=self._clock,
            on_line=lambda _: self._answers.set(),
            pass_fds=(self._shared.fileno(),),
        )

    def start(self) -> None:
        """Start the process and wait until it answers. Raises Unavailable when it does not."""
        self._child.start()
        gives_up = self._clock.monotonic() + START_S
        while not self._answers.wait(LOOK_S):
            if self._child.restarts >= FIRST_TRIES or self._clock.monotonic() > gives_up:
                raise Unavailable("serve.worker", f"Worker {self._name} does not start", "It says why above.")

    def stop(self) -> None:
        """End the process in order; what is under way is finished."""
        self._child.stop()

    def renew(self) -> None:
        """Put a new process in the place of this one, under the same name."""
        self.stop()
        self._answers.clear()
        self._child = self._make()
        self.start()


def _command(settings: Settings, shared: socket.socket, replica: str, *, drift_gate: bool) -> list[str]:
    where = ("--state", str(settings.state_dir), "--env", settings.env, "--shared-socket", str(shared.fileno()))
    gate = ("--drift-gate",) if drift_gate else ()
    return module_command("engine.verifier", *where, "--replica", replica, "--die-with-parent", *gate)


def _at_once(crew: Sequence[Worker], action: Callable[[Worker], None]) -> None:
    with ThreadPoolExecutor(len(crew)) as pool:
        for done in [pool.submit(action, worker) for worker in crew]:
            done.result()
