"""The demonstration world: a store, a verifier, a simulated SAP and traffic, for as long as somebody looks."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from engine.clock import Clock, SystemClock
from engine.demo.access import note_sap, note_url
from engine.demo.rate import TrafficReport, forget_report, read_rate, read_report, write_rate
from engine.demo.seed import ENV, POLICY_ID, begin, demo_plan, furnish, inject_drift
from engine.demo.serving import OneVerifier, Serve
from engine.errors import Unavailable
from engine.settings import Settings, default_state_dir

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.rollout.state import RolloutPlan
    from engine.verifier.supervision import Child

SAP_BEHAVIOUR: Final = '{"throttle_every": 9, "retry_after": "2"}'
"""A busy system: now and then it asks to wait, as real ones do, so that the screen shows what happens then."""


def demo_state_dir(base: Path | None = None) -> Path:
    """Where the demonstration lives below a state directory, so that it never touches anything real."""
    return (base or default_state_dir()) / ENV


class DemoWorld:
    """Everything the demonstration needs, running while the `with` block does.

    The state persists: the next world in the same directory goes on where this one stopped, unless the rollout has
    ended. The processes do not: they end with this one, however it ends.

    Args:
        state_dir: Of this world; `demo_state_dir()` when None.
        clock: Wall and monotonic time.
        settings: What else the operator configured (theme, polling); environment and directory are the world's own.
        actor: Who acts; the login name when None.
        plan: What the rollout follows; by default 0, 25, 100 % by hand.
        rate: Requests per second to begin with; the persisted one when None.
        serve: Chooses who answers the callers; one verifier when None.
        port: Of that verifier; 0 takes a free one.
        fresh: Start the rollout over in any case.
        keeps_rollout: Whether the rollout is left as it stands; a cutover that is under way starts its own.
        at_once: Whether entering waits for the processes; a console shows itself first, and calls `start` behind that.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        clock: Clock | None = None,
        *,
        settings: Settings | None = None,
        actor: str | None = None,
        plan: RolloutPlan | None = None,
        rate: float | None = None,
        serve: Serve | None = None,
        port: int = 0,
        fresh: bool = False,
        keeps_rollout: Callable[[EngineContext], bool] = lambda _: False,
        at_once: bool = True,
    ) -> None:
        from engine.bootstrap import open_context

        directory = state_dir or demo_state_dir()
        self.settings = replace(settings or Settings(), env=ENV, state_dir=directory, policy=POLICY_ID)
        self.ctx: EngineContext = open_context(self.settings, actor=actor, clock=clock or SystemClock())
        """The environment to run operations in."""
        self._plan = plan or demo_plan()
        self._first_rate = rate
        self._serving = serve(self.ctx) if serve else OneVerifier(self.ctx, port=port)
        self._fresh = fresh
        self._keeps_rollout = keeps_rollout
        self._at_once = at_once
        self._lock: int | None = None
        self._starting = threading.Lock()
        self._ended = threading.Event()
        self._children: list[Child] = []
        self.url = ""
        """Where requests are answered, once they are."""

    def __enter__(self) -> Self:
        self._lock = _only_one(self.state_dir)
        try:
            forget_report(self.state_dir)
            furnish(self.ctx)
            self.set_rate(read_rate(self.state_dir) if self._first_rate is None else self._first_rate)
            if self._fresh or not self._keeps_rollout(self.ctx):
                begin(self.ctx, self._plan, fresh=self._fresh)
            if self._at_once:
                self.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def state_dir(self) -> Path:
        """Where store, logs, rate and report live."""
        return self.settings.state_dir

    @property
    def rate(self) -> float:
        """Requests per second that are asked for."""
        return read_rate(self.state_dir)

    def set_rate(self, rate: float) -> None:
        """Change the traffic within a quarter second. Raises InvalidInput outside 0..2000."""
        write_rate(self.state_dir, rate)

    def inject_drift(self) -> None:
        """Put the drifting candidate under the rollout."""
        inject_drift(self.ctx)

    @property
    def traffic(self) -> TrafficReport | None:
        """What the generator achieved in its last second; None before its first report."""
        return read_report(self.state_dir)

    @property
    def pids(self) -> dict[str, int | None]:
        """The processes, by name; None for one that is just being restarted."""
        return {**self._serving.pids, **{child.label: child.pid for child in self._children}}

    def start(self) -> None:
        """Bring the processes up: SAP, who answers, then the callers. Blocks until requests are answered.

        Does nothing once the world has ended.

        Raises:
            Unavailable: What should answer does not come up.
        """
        with self._starting:
            if self._ended.is_set():
                return
            logs = self.state_dir / "logs"
            logs.mkdir(mode=0o700, exist_ok=True)
            self._start_sap(logs)
            try:
                self.url = self._serving.start()
            except Unavailable:
                # Whoever is leaving need not hear that something did not come up any more.
                if self._ended.is_set():
                    return
                raise
            note_url(self.state_dir, self.url)
            self._start_traffic(logs)

    def _start_traffic(self, logs: Path) -> None:
        from engine.verifier.supervision import Child, module_command

        def traffic() -> list[str]:
            return module_command("engine.demo.traffic", "--url", self.url, "--state", str(self.state_dir))

        self._add(Child("traffic", traffic, log_dir=logs, clock=self.ctx.clock))

    def _start_sap(self, logs: Path) -> None:
        """Bring up the simulated SAP. Nobody waits for it: the pilot is one screen among others."""
        from engine.verifier.supervision import Announced, Child, module_command

        announced = Announced()
        folder = self.state_dir / "sap"
        folder.mkdir(mode=0o700, exist_ok=True)

        def sap() -> list[str]:
            database, port = str(folder / "simulator.sqlite"), str(announced.port)
            return module_command("engine.sap.simulator", "--db", database, "--port", port, "--options", SAP_BEHAVIOUR)

        def note(line: str) -> None:
            announced.note(line)
            note_sap(self.state_dir, announced.url)

        self._add(Child("sap", sap, log_dir=logs, clock=self.ctx.clock, on_line=note))

    def _add(self, child: Child) -> None:
        self._children.append(child)
        child.start()

    def _close(self) -> None:
        self._ended.set()
        if not self._starting.acquire(blocking=False):
            # Still coming up on another thread, which waits for nothing any more once this is gone.
            self._serving.stop()
            self._starting.acquire()
        try:
            # Callers first: requests that find no verifier would look like failures of the verifier.
            for child in reversed(self._children):
                child.stop()
            self._serving.stop()
        finally:
            self._starting.release()
        if self._children:
            note_sap(self.state_dir, "")
        self._children.clear()
        self.ctx.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _only_one(state_dir: Path) -> int:
    """Make the directory, and hold a lock in it that the kernel releases when this process ends, however it ends."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(state_dir / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(
            "demo.state_dir",
            f"The demonstration cannot live in {state_dir.name}: {error.strerror}",
            "Give it a directory that can be written: --state DIR.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Unavailable(
            "demo.running",
            "A demonstration is running here already",
            "Use that one (capctl status --env demo), or give this one another state directory.",
        ) from error
    return descriptor
