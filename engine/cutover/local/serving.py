"""What is deployed on this machine as what the demonstration's callers ask: there is one world, and it is this one.

A demonstration that nothing was ever deployed in begins with a release without a canary: the one that a cutover comes
after, and that a rollback of its deployment leads back to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from engine.cutover.local.documents import Found, Wanted
from engine.cutover.local.releases import ReleaseLedger
from engine.cutover.local.target import LOOK_S, STOP_S, LocalTarget, supervisor_command
from engine.cutover.target import Release
from engine.demo.serving import UNLIMITED, announced_url
from engine.errors import EngineError, Unavailable
from engine.verifier.supervision import Announced, Child

if TYPE_CHECKING:
    from engine.context import EngineContext

ACTOR: Final = "the demonstration"
"""Who deployed the release that it begins with."""
FIRST_RELEASE: Final = Release(name="cap", chart="helm/", values=(), timeout_s=60)
READY_S: Final = 20.0
"""Longest wait for what was deployed before to be ready again."""


class ReleaseServing:
    """The supervisor and proxy of the local target, as a child of the demonstration that ends with it.

    Args:
        ctx: Of the demonstration.
        port: Of the proxy; 0 takes the one it had, else a free one.
        sleep: Waits between two looks.
    """

    def __init__(self, ctx: EngineContext, *, port: int = 0, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings, self._port, self._sleep = ctx.settings, port, sleep
        self._clock = ctx.clock
        self._announced = Announced()
        self._target = LocalTarget(ctx.settings, ctx.clock, actor=ACTOR)
        self._child = Child(
            "supervisor",
            self._command,
            log_dir=self._target.folder / "logs",
            clock=ctx.clock,
            on_line=self._announced.note,
            environ=UNLIMITED,
        )

    @property
    def pids(self) -> Mapping[str, int | None]:
        """The supervisor and the verifiers that it runs."""
        verifiers = {entry.name: entry.process for entry in Found.read(self._target.folder).backends}
        running = {name: process.pid for name, process in verifiers.items() if process and process.is_alive}
        return {self._child.label: self._child.pid, **running}

    def start(self) -> str:
        """Bring up what was deployed here last, or deploy the first release; return the proxy's URL."""
        (self._target.folder / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_found()
        self._child.start()
        announced_url(self._announced, self._child)
        self._await_supervisor()
        ledger = ReleaseLedger.read(self._target.folder)
        if ledger.serving is None or not Wanted.read(self._target.folder).backends:
            try:
                self._target.apply(FIRST_RELEASE, lambda _: None)
            except EngineError as error:
                raise Unavailable("demo.no_release", error.message, "See local/logs; correct it.") from error
        else:
            self._await_ready(ledger)
        return self._target.url

    def stop(self) -> None:
        """End the supervisor and its verifiers. What was deployed is deployed again when the demonstration returns."""
        self._child.stop()
        self._end_found()

    def _command(self) -> list[str]:
        # The port it had, so that whoever knows the address need not notice; one that is taken by now is let go.
        known = ReleaseLedger.read(self._target.folder).port if not self._child.restarts else 0
        port = self._announced.port or self._port or known
        return supervisor_command(self._settings, self._target.folder, port, "--die-with-parent")

    def _end_found(self) -> None:
        """End a supervisor that belongs to nobody here: of a deployment without a demonstration, or left behind."""
        found = Found.read(self._target.folder)
        if found.supervisor is not None:
            found.supervisor.end(within_s=STOP_S)

    def _await_supervisor(self) -> None:
        """Wait until it has said of itself that it runs, and keep its port."""
        gives_up = self._clock.monotonic() + READY_S
        while not self._target.url:
            if self._clock.monotonic() > gives_up or not self._child.is_alive():
                raise Unavailable("demo.no_supervisor", "The local supervisor did not start", "See local/logs.")
            self._sleep(LOOK_S)
        ReleaseLedger.read(self._target.folder).keep(port=self._announced.port)

    def _await_ready(self, ledger: ReleaseLedger) -> None:
        """Wait for what serves; what does not become ready is for the screen to say, and for somebody to roll back."""
        assert ledger.serving is not None
        gives_up = self._clock.monotonic() + READY_S
        while self._clock.monotonic() < gives_up and self._child.is_alive():
            found = Found.read(self._target.folder)
            if found.has_ready(ledger.serving.backends, since=0, alone=False):
                return
            self._sleep(LOOK_S)
