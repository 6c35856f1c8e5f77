"""The process behind the local target: it keeps running what is wanted, and routes requests to what is ready.

    python -m engine.cutover.local --state DIR --env NAME --folder DIR [--port N]

It looks at `wanted.json` over and over and moves what runs towards it: verifiers that are missing are started, those
that say they are ready get their share of the requests, those that are no longer wanted get none, finish what is under
way, and end. Verifiers end with it, however it ends; one that could not is ended by the next supervisor.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.clock import Clock
from engine.cutover.local.documents import Backend, Found, Running, Wanted
from engine.cutover.local.processes import ProcessRef
from engine.cutover.local.proxy import Proxy
from engine.settings import Settings
from engine.verifier.supervision import Announced, Child, module_command

if TYPE_CHECKING:
    import httpx

LOOK_S: Final = 0.1
PROBE_TIMEOUT_S: Final = 2.0
DRAIN_S: Final = 10.0
"""Longest wait for requests under way before a verifier that is no longer wanted is asked to end."""
LOG_TAIL_BYTES: Final = 4096


class Replica:
    """One verifier process that is kept running.

    Args:
        backend: What is wanted of it.
        settings: Of the environment.
        logs: Where it writes.
        clock: Times its restarts.
    """

    def __init__(self, backend: Backend, settings: Settings, logs: Path, clock: Clock) -> None:
        self.backend = backend
        self.leaving = False
        self.ready = False
        self.cause = "it is starting"
        self._announced = Announced()
        self._log = logs / f"{backend.name}.log"
        self._child = Child(
            backend.name,
            lambda: self._command(settings),
            log_dir=logs,
            clock=clock,
            on_line=self._announced.note,
            environ=backend.environ,
        )

    def start(self) -> None:
        """Start it, and again whenever it ends."""
        self._child.start()

    def stop(self) -> None:
        """End it in order. Blocks until it is gone."""
        self._child.stop()

    @property
    def url(self) -> str:
        """Where it answers; empty before it does."""
        return self._announced.url

    def found(self) -> Running:
        """How it is."""
        pid = self._child.pid
        wanted = self.backend
        return Running(
            name=wanted.name,
            track=wanted.track,
            revision=wanted.revision,
            weight=0 if self.leaving else wanted.weight,
            ready=self.ready and not self.leaving,
            url=self.url,
            restarts=self._child.restarts,
            cause="it finishes what is under way" if self.leaving else self.cause,
            process=ProcessRef.of(pid) if pid else None,
        )

    async def probe(self, client: httpx.AsyncClient) -> None:
        """Ask whether traffic may be sent to it."""
        import httpx

        if not self.url or self._child.pid is None:
            self.ready, self.cause = False, self._last_words() or "it is starting"
            return
        try:
            answer = await client.get(f"{self.url}/readyz", timeout=PROBE_TIMEOUT_S)
            reasons = ", ".join(answer.json().get("reasons", ()))
        except (httpx.HTTPError, ValueError):
            self.ready, self.cause = False, self._last_words() or "it does not answer"
            return
        self.ready, self.cause = answer.status_code == 200, reasons

    def _command(self, settings: Settings) -> list[str]:
        # A restarted one takes its port back: the proxy need not notice.
        where = ("--state", str(settings.state_dir), "--env", settings.env, "--port", str(self._announced.port))
        gate = ("--drift-gate",) if self.backend.drift_gate else ()
        return module_command("engine.verifier", *where, "--replica", self.backend.name, "--die-with-parent", *gate)

    def _last_words(self) -> str:
        """Why it ended, as it said itself: a verifier that cannot start says so in a line for people."""
        if not self._child.restarts:
            return ""
        with suppress(OSError):
            lines = self._log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace").splitlines()
            said = [line.removeprefix("verifier: ") for line in lines if line.startswith("verifier: ")]
            return said[-1] if said else "it ends again and again; see its log"
        return ""


class Supervisor:
    """Moves what runs towards what is wanted.

    Args:
        settings: Of the environment.
        folder: Where the documents and logs are.
        proxy: Passes requests on.
        client: Asks verifiers whether they are ready.
        clock: Times restarts.
        url: Of the proxy.
    """

    def __init__(
        self, settings: Settings, folder: Path, *, proxy: Proxy, client: httpx.AsyncClient, clock: Clock, url: str
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._logs = folder / "logs"
        self._proxy = proxy
        self._client = client
        self._clock = clock
        self._url = url
        self._self = ProcessRef.of(os.getpid())
        self._wanted = Wanted()
        self._replicas: dict[str, Replica] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._written: Found | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        await asyncio.to_thread(end_orphans, self._folder)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Compare once, act, and say what was found."""
        found = Wanted.read(self._folder)
        # A document that is damaged or lost is no order to end everything.
        wanted = self._wanted = found if found.generation >= self._wanted.generation else self._wanted
        names = {backend.name for backend in wanted.backends}
        for backend in wanted.backends:
            self._take(backend)
        for name, replica in self._replicas.items():
            if name not in names and not replica.leaving:
                replica.leaving = True
        await asyncio.gather(*(replica.probe(self._client) for replica in self._replicas.values()))
        self._route()
        for replica in [r for r in self._replicas.values() if r.leaving]:
            self._let_go(replica)
        self._tell(wanted.generation)

    def _take(self, backend: Backend) -> None:
        replica = self._replicas.get(backend.name)
        if replica is None:
            replica = self._replicas[backend.name] = Replica(backend, self._settings, self._logs, self._clock)
            replica.start()
        elif not replica.leaving:
            replica.backend = backend

    def _route(self) -> None:
        ready = {name: replica for name, replica in self._replicas.items() if replica.ready and not replica.leaving}
        self._proxy.route(
            {name: replica.url for name, replica in ready.items()},
            {name: replica.backend.weight for name, replica in ready.items()},
        )

    def _let_go(self, replica: Replica) -> None:
        if any(task.get_name() == replica.backend.name for task in self._leaving):
            return
        task = asyncio.get_running_loop().create_task(self._drain(replica), name=replica.backend.name)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _drain(self, replica: Replica) -> None:
        name, loop = replica.backend.name, asyncio.get_running_loop()
        deadline = loop.time() + DRAIN_S
        while self._proxy.in_flight[name] and loop.time() < deadline:  # noqa: ASYNC110 - the proxy's own count
            await asyncio.sleep(LOOK_S / 5)
        await asyncio.to_thread(replica.stop)
        self._replicas.pop(name, None)

    def _tell(self, generation: int) -> None:
        found = Found(self._self, self._url, generation, tuple(replica.found() for replica in self._replicas.values()))
        if found != self._written:
            found.write(self._folder)
            self._written = found

    async def close(self) -> None:
        """End every verifier in order."""
        await asyncio.gather(*(asyncio.to_thread(replica.stop) for replica in self._replicas.values()))
        self._replicas.clear()
        self._tell(self._wanted.generation)


def end_orphans(folder: Path) -> None:
    """End the verifiers that an earlier supervisor left behind. Blocks until they are gone."""
    for entry in Found.read(folder).backends:
        if entry.process is not None:
            entry.process.end()
