"""One change of a release in a cluster: helm runs, its words are passed on, and every resource is watched until ready.

The steps are `upgrade` (or `rollback`), `ready`, and `restore` where the policy goes back; `recover` comes first where
a killed helm left the release pending. Each is recorded before it begins, so that whoever comes after a sudden death
knows what was meant.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from engine.clock import Clock
from engine.context import Progress
from engine.cutover.helm import Helm
from engine.cutover.kubectl import CAUSE_KINDS, Kubectl
from engine.cutover.ledger import Ledger
from engine.cutover.target import Command, Emit, Health, Resource, Revision
from engine.cutover.workloads import causes, resources_of
from engine.errors import EngineError, Unavailable

LOOK_S: Final = 2.0
"""Time between two looks at the cluster: k9s's own."""
METRICS_GRACE_S: Final = 60.0
"""How long an autoscaler may be without metrics: it is at first, everywhere; its own period is 15 s."""


@dataclass(slots=True)
class Change:
    """The hands of whoever changes a release, while they hold its lock."""

    helm: Helm
    kubectl: Kubectl
    ledger: Ledger
    clock: Clock
    sleep: Callable[[float], None]
    emit: Emit
    release: str
    lock: int
    """Descriptor of the lock; helm inherits it."""
    _told: dict[str, Resource] = field(default_factory=dict)
    _looked_at: float = float("-inf")

    def run(self, step: str, command: Command) -> tuple[int, str]:
        """Run helm, pass on what it says, and watch the resources meanwhile.

        Returns:
            Its exit code, and what it said on stderr.
        """
        self.ledger.step(step)
        errors: list[str] = []

        def hear(line: str, is_error: bool) -> None:
            errors.extend([line] if is_error else ())
            self.emit(Progress(step, 0, message=line, output=f"helm{'!' if is_error else '|'} {line}"))

        self.emit(Progress(step, 0, output=f"$ {command.line}"))
        code = self.helm.program.follow(command.argv[1:], on_line=hear, on_idle=self._glance, keep=(self.lock,))
        return code, "\n".join(errors)

    def newest(self) -> Revision | None:
        """The newest revision as helm knows it now."""
        return next(iter(self.helm.history(self.release)), None)

    def await_ready(self, timeout_s: float) -> tuple[Resource, ...]:
        """Wait until everything is ready; return how it is then, or when the time is over.

        What merely works with a limitation (an autoscaler without metrics) is waited for no longer than
        `METRICS_GRACE_S`. A cluster that does not answer for a moment is asked again.

        Raises:
            Unavailable: It does not answer when the time is over.
        """
        self.ledger.step("ready")
        self.emit(Progress("ready", 0, output=f"$ {self.kubectl.get().line}"))
        began, settled_at = self.clock.monotonic(), None
        while True:
            resources, now = self._look_within(began + timeout_s), self.clock.monotonic()
            open_ones = {item.health for item in resources} - {Health.READY}
            settled_at = (now if settled_at is None else settled_at) if open_ones == {Health.DEGRADED} else None
            if not open_ones or now - began >= timeout_s:
                return resources
            if settled_at is not None and now - settled_at >= METRICS_GRACE_S:
                return resources
            self.sleep(LOOK_S)

    def _look_within(self, deadline: float) -> tuple[Resource, ...]:
        """Look; where the cluster does not answer, again and again until the deadline."""
        while True:
            try:
                return self.look()
            except Unavailable:
                if self.clock.monotonic() >= deadline:
                    raise
                self.sleep(LOOK_S)

    def look(self, *, closely: bool = False) -> tuple[Resource, ...]:
        """How every resource is now; what changed since the last look is told.

        Args:
            closely: Whether to look for causes in events as well.
        """
        objects = self.kubectl.objects()
        with suppress(EngineError):  # a role that deploys need not see events
            objects += self.kubectl.objects(CAUSE_KINDS if closely else "sts")
        resources = resources_of(objects, self.release)
        for item in resources:
            if self._told.get(item.place) != item:
                self._told[item.place] = item
                self.emit(Progress(item.place, item.ready, item.desired, item.cause or item.health.value))
        return resources

    def explain(self) -> str:
        """Why the release does not come up, in a sentence; every cause is told. Empty where none can be seen."""
        try:
            found = causes(self.look(closely=True))
        except EngineError:
            return ""  # the failure that is being explained matters more than one to explain it
        for item in found:
            self.emit(Progress("cause", 0, message=item.cause, output=f"cause: {item.place}: {item.cause}"))
        return f"{found[0].place}: {found[0].cause}" if found else ""

    def _glance(self) -> None:
        """Look from time to time while helm is busy; what cannot be seen now will be seen later.

        Whoever may stop the change is heard here.
        """
        self.sleep(0)
        now = self.clock.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            with suppress(EngineError):
                self.look()
