"""`python -m engine.cutover.local`: the supervisor of a local target as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvicorn

from engine.bootstrap import load
from engine.clock import SystemClock
from engine.cutover.local.proxy import Proxy
from engine.cutover.local.supervisor import Supervisor
from engine.cutover.local.upstream import Upstream
from engine.errors import EngineError
from engine.verifier.listening import announce, listen, url_of

if TYPE_CHECKING:
    import socket

    from engine.settings import Settings

LOCK = "supervisor.lock"


def main(arguments: list[str] | None = None) -> int:
    """Supervise until SIGTERM; 0 when it ended in order, 5 when it could not start, 6 when another one runs."""
    options = _parser().parse_args(arguments)
    if options.detach and os.fork():
        # Whoever started it waits for this process only; the one that goes on belongs to nobody.
        os._exit(0)
    try:
        settings = load({"env": options.env, "state_dir": options.state})
        options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(options.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 6
        listening = listen("127.0.0.1", options.port)
        _serve(settings, options.folder, listening, die_with_parent=options.die_with_parent)
    except EngineError as error:
        sys.stderr.write(f"supervisor: {error.message}\nhint: {error.hint}\n")
        return 5
    return 0


def _serve(settings: Settings, folder: Path, listening: socket.socket, *, die_with_parent: bool) -> None:
    client = httpx.AsyncClient(trust_env=False)
    proxy, url = Proxy(Upstream()), url_of(listening, scheme="http")
    supervisor = Supervisor(settings, folder, proxy=proxy, client=client, clock=SystemClock(), url=url)
    config = uvicorn.Config(proxy, ws="none", lifespan="off", access_log=False, log_config=None, server_header=False)
    with suppress(KeyboardInterrupt):
        _Server(config, supervisor, client, url, die_with_parent=die_with_parent).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Uvicorn's server with the supervisor beside it."""

    def __init__(
        self,
        config: uvicorn.Config,
        supervisor: Supervisor,
        client: httpx.AsyncClient,
        url: str,
        *,
        die_with_parent: bool,
    ) -> None:
        super().__init__(config)
        self._die_with_parent = die_with_parent
        self._supervisor = supervisor
        self._client = client
        self._url = url
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._watch = asyncio.create_task(self._supervisor.run())
        self._watch.add_done_callback(self._watch_ended)
        if self._die_with_parent:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._parent_spoke)
        announce(self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await super().shutdown(sockets=sockets)
        await self._supervisor.close()
        await self._client.aclose()

    def _parent_spoke(self) -> None:
        """Nobody writes to stdin: it closes when the parent goes, however it goes."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.should_exit = True

    def _watch_ended(self, watch: asyncio.Task[None]) -> None:
        """A supervisor that no longer looks must not pretend to supervise."""
        if not watch.cancelled():
            sys.stderr.write(f"supervisor: it ended unexpectedly ({type(watch.exception()).__name__})\n")
            self.should_exit = True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.cutover.local", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="state directory of the environment")
    parser.add_argument("--env", required=True, help="name of the environment")
    parser.add_argument("--folder", type=Path, required=True, help="where the documents and logs are")
    parser.add_argument("--detach", action="store_true", help="go on in the background, without a parent")
    parser.add_argument("--die-with-parent", action="store_true", help="end when stdin closes")
    parser.add_argument("--port", type=int, default=0, help="of the proxy; 0 takes a free one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
