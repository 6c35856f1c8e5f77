"""`LocalTarget`: deploys by saying what is wanted, and waiting until the supervisor has it.

A release is deployed in steps, each of which leaves a known state behind:

1. *start*: its verifiers run beside those that serve, without requests of their own;
2. *switch*: they get the requests, in the release's shares; those before get none;
3. *drain*: those before finish what is under way, and end.

What is killed between two steps goes on serving as it did; the next `apply` or `rollback` takes it from there.
"""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.clock import Clock
from engine.context import Progress
from engine.cutover.local.documents import Backend, Found, Wanted, local_folder, local_url
from engine.cutover.local.observing import images, missing, phase_of, resources_of, stuck, tell_changes
from engine.cutover.local.plan import LocalPlan, plan_of
from engine.cutover.local.releases import LocalRevision, ReleaseLedger, begun, exclusively, is_busy
from engine.cutover.target import (
    DEFAULT_TIMEOUT_S,
    Command,
    Deployed,
    Difference,
    Emit,
    OnFailure,
    Release,
    ReleaseDiff,
    ReleaseStatus,
    Revision,
)
from engine.errors import Conflict, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.verifier.supervision import module_command

if TYPE_CHECKING:
    from engine.settings import Settings

PLACE: Final = "this machine"
LOOK_S: Final = 0.1
START_S: Final = 20.0
"""Longest wait for the supervisor's first sign of life."""
STOP_S: Final = 30.0
"""Longest wait for the supervisor to end its verifiers in order."""
STEPS: Final = ("start", "switch", "drain")


class LocalTarget:
    """Verifier processes of one environment behind a proxy, all on the loopback.

    Args:
        settings: Of the environment; never of production.
        clock: Wall and monotonic time.
        actor: Who deploys.
        sleep: Waits between two looks.
    """

    name = "local"

    def __init__(
        self, settings: Settings, clock: Clock, *, actor: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._actor = actor
        self._sleep = sleep
        self.folder: Path = local_folder(settings)
        """Where its documents and logs are."""

    @property
    def url(self) -> str:
        """Base URL of the proxy; empty while nothing runs."""
        return local_url(self._settings)

    def backend_urls(self) -> dict[str, str]:
        """Where each verifier answers by itself, by name: for whoever reads its metrics."""
        found = Found.read(self.folder)
        return {entry.name: entry.url for entry in found.backends if entry.url} if found.is_alive else {}

    def commands(self, release: Release) -> tuple[Command, ...]:
        """What `apply` does, as one could do it by hand."""
        state = ("--state", "STATE_DIR", "--env", self._settings.env)
        gate = ("--drift-gate",) if plan_of(release).drift_gate else ()
        supervisor = ("python", "-m", "engine.cutover.local", *state)
        verifiers = [
            Command(("python", "-m", "engine.verifier", *state, "--port", "0", "--replica", backend.name, *gate), True)
            for backend in plan_of(release).backends(self._ledger().newest + 1)
        ]
        return (Command(supervisor, changes=True), *verifiers, Command(("GET", "/readyz")))

    def check(self, release: Release) -> tuple[str, ...]:
        """Look at what would keep a verifier from starting here."""
        if self._settings.is_production:
            raise Held("local.production", f"{self._settings.env} is production", "Deploy it with --target kubernetes.")
        plan_of(release)
        if is_busy(self.folder):
            with exclusively(self.folder):
                pass
        ledger = self._ledger()
        if release.expected_revision not in (None, ledger.newest):
            raise _changed(ledger, release.expected_revision)
        if not self._settings.store_path.exists():
            return ("There is no registry here yet: a verifier without a policy is never ready.",)
        return ()

    def diff(self, release: Release) -> ReleaseDiff:
        """What would run instead of what runs."""
        plan, before = plan_of(release), self._ledger().serving
        new = {backend.track: _described(backend) for backend in plan.backends(self._ledger().newest + 1)}
        old = {backend.track: _described(backend) for backend in before.backends} if before else {}
        differences = [
            Difference(f"Process/{track}", path, old.get(track, {}).get(path), new.get(track, {}).get(path))
            for track in sorted(old.keys() | new.keys())
            for path in sorted(old.get(track, {}).keys() | new.get(track, {}).keys())
        ]
        changed = tuple(item for item in differences if item.before != item.after)
        return ReleaseDiff(changed, plan.chart, plan.digest, images(), tuple(f"Process/{track}" for track in new))

    def status(self, name: str = "cap") -> ReleaseStatus:
        """Where the release stands, and every process of it."""
        ledger, found, busy = self._ledger(), Found.read(self.folder), is_busy(self.folder)
        wanted = Wanted.read(self.folder)
        under_way = replace(ledger.under_way, is_alive=busy) if ledger.under_way else None
        phase, explanation, way_out = phase_of(ledger, found, busy=busy)
        return ReleaseStatus(
            target=self.name,
            release=name,
            place=PLACE,
            at=self._clock.now(),
            phase=phase,
            explanation=explanation,
            way_out=way_out,
            resources=resources_of(found, wanted),
            images=images(),
            history=tuple(revision.entry for revision in ledger.revisions),
            under_way=under_way,
            canary_percent=next((b.weight for b in wanted.backends if b.track == "canary"), None),
        )

    def apply(self, release: Release, emit: Emit) -> Deployed:
        """Deploy a release; go on with one that was interrupted."""
        self.check(release)
        plan = plan_of(release)
        with exclusively(self.folder):
            ledger = self._ledger()
            if release.expected_revision not in (None, ledger.newest):
                raise _changed(ledger, release.expected_revision)
            return self._apply(release, plan, ledger, emit)

    def rollback(self, name: str, revision: int | None, emit: Emit, *, timeout_s: int = DEFAULT_TIMEOUT_S) -> Deployed:
        """Go back to a revision: its verifiers are started anew, then get the requests."""
        with exclusively(self.folder):
            ledger = self._ledger()
            goal = ledger.way_back(revision)
            number, before = ledger.newest + 1, ledger.newest
            backends = tuple(replace(backend, revision=number) for backend in goal.backends)
            entry = replace(
                goal.entry,
                number=number,
                status="pending-rollback",
                at=self._clock.now(),
                description=f"rollback to {goal.entry.number}",
            )
            began = self._clock.monotonic()
            release = Release(name=name, timeout_s=timeout_s, on_failure=OnFailure.KEEP)
            self._roll_out(LocalRevision(entry, backends, goal.digest), ledger, release, "rollback", emit)
            took_s = self._clock.monotonic() - began
            return Deployed("rollback", number, before, took_s, self.status(name))

    def set_canary_percent(self, percent: int) -> None:
        """Change the canary's share at once; no request is lost.

        Raises:
            InvalidInput: It is no percentage.
            NotFound: No canary runs.
        """
        if not 0 <= percent <= 100:
            raise InvalidInput("local.canary_weight", f"{percent} is no percentage", "Give 0 to 100.")
        with exclusively(self.folder):
            wanted = Wanted.read(self.folder)
            if not any(backend.track == "canary" for backend in wanted.backends):
                raise NotFound("local.no_canary", "No canary runs here", "Deploy a release that has one.")
            share = {"canary": percent, "stable": 100 - percent}
            shares = tuple(replace(backend, weight=share[backend.track]) for backend in wanted.backends)
            self._want(shares)

    def ready_replicas(self) -> int | None:
        """How many verifiers are ready; None while nothing runs."""
        found = Found.read(self.folder)
        return sum(entry.ready for entry in found.backends) if found.is_alive else None

    def running(self) -> tuple[str, ...]:
        """Names of the processes that run, those that were left behind included."""
        found = Found.read(self.folder)
        proxy = ("proxy",) if found.is_alive else ()
        return proxy + tuple(entry.name for entry in found.backends if entry.process and entry.process.is_alive)

    def stop(self) -> tuple[str, ...]:
        """End everything that runs here, and whatever was left behind; return its names.

        What was deployed stays in the history, and `rollback` can go back to it.

        Raises:
            Conflict: Somebody is deploying.
        """
        with exclusively(self.folder):
            names, found = self.running(), Found.read(self.folder)
            if found.supervisor is not None:
                found.supervisor.end(within_s=STOP_S)
            for entry in Found.read(self.folder).backends:
                if entry.process is not None:
                    entry.process.end()
            self._want(())
            ledger = self._ledger()
            if ledger.serving is not None:
                ledger.keep(revisions=ledger.with_status(ledger.serving.entry.number, "superseded"))
            return names

    def _apply(self, release: Release, plan: LocalPlan, ledger: ReleaseLedger, emit: Emit) -> Deployed:
        began, before = self._clock.monotonic(), ledger.newest
        resumed = _resumable(ledger, plan)
        if resumed is not None:
            revision = resumed
        else:
            number = before + 1
            now, status = self._clock.now(), "pending-upgrade" if before else "pending-install"
            entry = Revision(number, status, now, plan.chart, plan.app_version, f"by {self._actor}")
            revision = LocalRevision(entry, plan.backends(number), plan.digest)
        self._roll_out(revision, ledger, release, "apply", emit)
        took_s = self._clock.monotonic() - began
        status_now = self.status(release.name)
        from_revision = ledger.under_way.from_revision if resumed and ledger.under_way else before
        return Deployed(
            "apply", revision.entry.number, from_revision, took_s, status_now, plan.digest, resumed is not None
        )

    def _roll_out(
        self, revision: LocalRevision, ledger: ReleaseLedger, release: Release, action: str, emit: Emit
    ) -> None:
        """Start, switch, drain; on failure leave the revision that served before in charge."""
        number, before = revision.entry.number, ledger.serving
        ledger = ledger.without_pending(number)
        if ledger.find(number) is None:
            ledger = ledger.keep(revisions=(revision, *ledger.revisions))
        run = begun(action, self._actor, self._clock.now(), STEPS[0], before.entry.number if before else 0)
        ledger = ledger.keep(under_way=run)
        wanted = Wanted.read(self.folder)
        serving = tuple(b for b in wanted.backends if b.weight and b.revision != number)
        # Going on after a kill: what already has requests keeps them.
        known = {backend.name: backend for backend in wanted.backends if backend.weight}
        beside = tuple(known.get(backend.name, replace(backend, weight=0)) for backend in revision.backends)
        try:
            ledger = self._ensure_supervisor(ledger, emit)
            self._emit(emit, 0, f"start {_names(revision.backends)}")
            self._reach(self._want((*serving, *beside)), beside, release.timeout_s, emit)
        except (Refused, Unavailable) as failure:
            self._give_up(ledger, revision, release, failure.message)
            raise
        except KeyboardInterrupt:
            self._give_up(ledger, revision, release, "interrupted")
            raise
        ledger = ledger.keep(under_way=replace(run, step=STEPS[1]))
        self._emit(emit, 1, f"switch to {_names(revision.backends)}")
        wanted = self._want(revision.backends)
        ledger = ledger.keep(under_way=replace(run, step=STEPS[2]))
        self._emit(emit, 2, f"drain {_names(serving)}" if serving else "nothing to drain")
        self._reach(wanted, wanted.backends, release.timeout_s, emit, alone=True)
        ledger.keep(revisions=ledger.serving_now(number), under_way=None)
        self._emit(emit, 3, f"revision {number} serves")

    def _give_up(self, ledger: ReleaseLedger, revision: LocalRevision, release: Release, why: str) -> None:
        if release.on_failure is OnFailure.ROLLBACK:
            self._want(ledger.serving.backends if ledger.serving else ())
        ledger.keep(revisions=ledger.with_status(revision.entry.number, "failed", why), under_way=None)

    def _reach(
        self, wanted: Wanted, backends: tuple[Backend, ...], timeout_s: float, emit: Emit, *, alone: bool = False
    ) -> None:
        """Wait until some of what is wanted is ready. What served before may be broken: that is no obstacle.

        Args:
            wanted: What the supervisor was told.
            backends: Those to wait for.
            timeout_s: For how long.
            emit: Hears of every verifier that changes.
            alone: Whether to wait until nothing else runs.

        Raises:
            Refused: It does not within the time; the message says what is missing and why.
            Unavailable: The supervisor is gone.
        """
        gives_up = self._clock.monotonic() + timeout_s
        told: dict[str, str] = {}
        while True:
            found = Found.read(self.folder)
            tell_changes(found, told, emit)
            if found.has_ready(backends, since=wanted.generation, alone=alone):
                return
            if not found.is_alive:
                raise Unavailable(
                    "local.supervisor_gone", "The local supervisor ended meanwhile", "Run it again; see local/logs."
                )
            cause = stuck(found, backends)
            if cause or self._clock.monotonic() > gives_up:
                cause = cause or missing(found, backends)
                raise Refused("local.not_ready", f"The release did not come up: {cause}", "See local/logs; correct it.")
            self._sleep(LOOK_S)

    def _want(self, backends: tuple[Backend, ...]) -> Wanted:
        seen = max(Wanted.read(self.folder).generation, Found.read(self.folder).generation)
        wanted = Wanted(seen + 1, backends)
        wanted.write(self.folder)
        return wanted

    def _ensure_supervisor(self, ledger: ReleaseLedger, emit: Emit) -> ReleaseLedger:
        """Start the supervisor where none runs; what it left behind is ended first. Raises Unavailable."""
        found = Found.read(self.folder)
        if found.is_alive:
            return ledger
        emit(Progress("start", 0, len(STEPS), "start the local supervisor"))
        logs = self.folder / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = supervisor_command(self._settings, self.folder, ledger.port, "--detach")
        gives_up = self._clock.monotonic() + START_S
        started = _started_in_background(command, logs / "supervisor.log")
        while not (started and (found := Found.read(self.folder)).is_alive):
            if not started or self._clock.monotonic() > gives_up:
                raise Unavailable("local.no_supervisor", "The local supervisor did not start", "See local/logs.")
            self._sleep(LOOK_S)
        return ledger.keep(port=int(found.url.rpartition(":")[2]))

    def _ledger(self) -> ReleaseLedger:
        return ReleaseLedger.read(self.folder)

    def _emit(self, emit: Emit, done: int, message: str) -> None:
        emit(Progress(STEPS[min(done, len(STEPS) - 1)], done, len(STEPS), message))


def supervisor_command(settings: Settings, folder: Path, port: int, lives: str) -> list[str]:
    """The command line of a supervisor.

    Args:
        settings: Of the environment.
        folder: Where the documents and logs are.
        port: Of the proxy; 0 takes a free one.
        lives: `--detach` where it outlives whoever starts it, `--die-with-parent` where it does not.
    """
    where = ("--state", str(settings.state_dir), "--env", settings.env, "--folder", str(folder))
    return module_command("engine.cutover.local", *where, "--port", str(port), lives)


def _started_in_background(command: list[str], log: Path) -> bool:
    """Start a program that detaches itself and announces on stdout that it answers; whether it did.

    A session of its own: it outlives this command, as a cluster does.
    """
    with (
        log.open("ab") as errors,
        subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        ) as process,
    ):
        assert process.stdout is not None
        answers, _, _ = select.select([process.stdout], [], [], START_S)
        return bool(answers) and bool(process.stdout.readline())


def _resumable(ledger: ReleaseLedger, plan: LocalPlan) -> LocalRevision | None:
    """The revision that was begun and not ended, where it is of the same chart and values."""
    pending = next((revision for revision in ledger.revisions if revision.entry.is_pending), None)
    return pending if pending and pending.digest == plan.digest and ledger.under_way else None


def _changed(ledger: ReleaseLedger, expected: int | None) -> Conflict:
    return Conflict(
        "local.changed",
        f"The release is at revision {ledger.newest}, and {expected} was expected: somebody else changed it",
        "Look again: capctl deploy status --target local.",
    )


def _described(backend: Backend) -> dict[str, str]:
    described = {"weight": str(backend.weight), "drift_gate": str(backend.drift_gate).lower()}
    return described | {f"environment.{name}": value for name, value in backend.environ.items()}


def _names(backends: tuple[Backend, ...]) -> str:
    return ", ".join(backend.name for backend in backends)
