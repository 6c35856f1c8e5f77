"""The demonstration world: a store, a verifier, a simulated SAP and traffic, for as long as somebody looks."""

from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from engine.clock import Clock, SystemClock
from engine.demo.access import note_sap, note_url
from engine.demo.rate import TrafficReport, forget_report, read_rate, read_report, write_rate
from engine.demo.seed import ENV, POLICY_ID, begin, demo_plan, furnish, inject_drift
from engine.errors import Unavailable
from engine.settings import Settings, default_state_dir

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.rollout.state import RolloutPlan
    from engine.verifier.supervision import Child

START_S: Final = 20.0
"""Longest wait for the verifier's first sign of life; it takes about one second."""
LOOK_S: Final = 0.05
"""How often it looks for that sign."""
FIRST_TRIES: Final = 2
"""Restarts before the first sign: a port that is taken stays taken."""
REPLICA: Final = "demo-1"
SAP_BEHAVIOUR: Final = '{"throttle_every": 9, "retry_after": "2"}'
"""A busy system: now and then it asks to wait, as real ones do, so that the screen shows what happens then."""
UNLIMITED: Final = {"CAPCTL_RATE_LIMIT_PER_S": "0"}
"""The generator is one client that asks as often as a thousand."""


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
        port: Of the verifier; 0 takes a free one.
        fresh: Start the rollout over in any case.
        start_rollout: Whether a rollout is started where none is under way; a cutover starts its own.
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
        port: int = 0,
        fresh: bool = False,
        start_rollout: bool = True,
    ) -> None:
        from engine.bootstrap import open_context

        directory = state_dir or demo_state_dir()
        self.settings = replace(settings or Settings(), env=ENV, state_dir=directory, policy=POLICY_ID)
        self.ctx: EngineContext = open_context(self.settings, actor=actor, clock=clock or SystemClock())
        """The environment to run operations in."""
        self._plan = plan or demo_plan()
        self._first_rate = rate
        self._port = port
        self._fresh = fresh
        self._start_rollout = start_rollout
        self._lock: int | None = None
        self._children: list[Child] = []
        self.url = ""
        """Where the verifier answers, once the block is entered."""

    def __enter__(self) -> Self:
        self._lock = _only_one(self.state_dir)
        try:
            forget_report(self.state_dir)
            furnish(self.ctx)
            self.set_rate(read_rate(self.state_dir) if self._first_rate is None else self._first_rate)
            if self._start_rollout:
                begin(self.ctx, self._plan, fresh=self._fresh)
            self._start_processes()
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
        return {child.label: child.pid for child in self._children}

    def _start_processes(self) -> None:
        from engine.verifier.supervision import Announced, Child, module_command

        logs = self.state_dir / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        announced = Announced()

        def verifier() -> list[str]:
            # A restarted one takes its port back: whoever looks at the URL need not notice.
            port = announced.port or self._port
            state = str(self.state_dir)
            return module_command(
                "engine.verifier",
                *("--state", state, "--env", ENV, "--port", str(port), "--replica", REPLICA, "--die-with-parent"),
            )

        def traffic() -> list[str]:
            return module_command("engine.demo.traffic", "--url", announced.url, "--state", str(self.state_dir))

        clock = self.ctx.clock
        child = self._add(
            Child("verifier", verifier, log_dir=logs, clock=clock, on_line=announced.note, environ=UNLIMITED)
        )
        gives_up = clock.monotonic() + START_S
        while not announced.wait(LOOK_S):
            if child.restarts >= FIRST_TRIES or clock.monotonic() > gives_up:
                raise Unavailable(
                    "demo.no_verifier",
                    "The embedded verifier did not start",
                    "See logs/verifier.log in the demonstration's state directory; --port 0 takes a free port.",
                )
        self.url = announced.url
        note_url(self.state_dir, self.url)
        self._start_sap(logs)
        self._add(Child("traffic", traffic, log_dir=logs, clock=clock))

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

    def _add(self, child: Child) -> Child:
        self._children.append(child)
        child.start()
        return child

    def _close(self) -> None:
        # Traffic first: requests that find no verifier would look like failures of the verifier.
        for child in reversed(self._children):
            child.stop()
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
