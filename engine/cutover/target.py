"""The port behind which a release is deployed: a cluster through helm and kubectl, or processes on this machine.

Whoever deploys says what (`Release`), sees first what will be run (`commands`) and what will differ (`diff`), and hears
of it while it happens (`emit`). Everything a target answers is immutable and serialisable, so that the evidence of an
evening can be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, Protocol

from engine.clock import to_rfc3339
from engine.context import Progress

Emit = Callable[[Progress], None]
"""Hears how far a long action is, and every line that a tool prints."""

DEFAULT_TIMEOUT_S: Final = 600
"""`--timeout 10m`, as the cutover's own command says."""

GOOD: Final = frozenset({"deployed", "superseded"})
"""Statuses of a revision that once served, in helm's words: only such a one is worth going back to."""


ROLLED_BACK: Final = re.compile(r"rollback to (\d+)", re.IGNORECASE)
"""How the history tells of a revision that is a way back."""


class OnFailure(StrEnum):
    """What becomes of a release that did not come up."""

    ROLLBACK = "rollback"
    """Go back to the last revision that served."""
    KEEP = "keep"
    """Leave it as it is, to be looked at."""


class Phase(StrEnum):
    """Where a release stands."""

    ABSENT = "absent"
    DEPLOYED = "deployed"
    FAILED = "failed"
    RUNNING = "running"
    """Somebody is changing it now."""
    INTERRUPTED = "interrupted"
    """Whoever was changing it is gone, and it was not finished."""


class Health(StrEnum):
    """How one resource is."""

    READY = "ready"
    WAITING = "waiting"
    """On its way, without a known obstacle."""
    DEGRADED = "degraded"
    """It serves, and something about it does not work."""
    FAILED = "failed"
    """It does not come up, for a cause that waiting does not cure."""


@dataclass(frozen=True, slots=True)
class Release:
    """What is to be deployed, and how."""

    name: str = "cap"
    chart: str = "helm/"
    """Folder of the chart; a local target reads nothing but its version."""
    values: tuple[str, ...] = ()
    """Files of values, later ones win."""
    timeout_s: int = DEFAULT_TIMEOUT_S
    on_failure: OnFailure = OnFailure.ROLLBACK
    expected_revision: int | None = None
    """The revision that must still be the newest (0: there must be none); None takes whatever there is."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something that will be done: a program with its arguments, or an action of the target in words."""

    argv: tuple[str, ...]
    changes: bool = False
    """Whether it changes something."""

    @property
    def line(self) -> str:
        """As one would type it."""
        import shlex

        return shlex.join(self.argv)

    def to_json(self) -> dict[str, Any]:
        """The command as JSON data."""
        return {"argv": list(self.argv), "line": self.line, "changes": self.changes}


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that a release consists of."""

    kind: str
    name: str
    ready: int
    desired: int
    health: Health
    cause: str = ""
    """Why it is not ready, in one sentence that an operator can act on."""

    @property
    def place(self) -> str:
        """`Deployment/cap`."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a release's history."""

    number: int
    status: str
    """In helm's words: `deployed`, `superseded`, `failed`, `pending-upgrade`, ..."""
    at: datetime
    chart: str
    """Name and version of the chart."""
    app_version: str = ""
    description: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it once served."""
        return self.status in GOOD

    @property
    def is_pending(self) -> bool:
        """Whether somebody began it and did not finish it, or has not yet."""
        return self.status.startswith("pending")

    def to_json(self) -> dict[str, Any]:
        """The revision as JSON data."""
        return {**asdict(self), "at": to_rfc3339(self.at)}


def way_back(history: Sequence[Revision]) -> int | None:
    """The revision to go back to: before what serves, or what served last where nothing does; None for none.

    From a revision that is itself a way back it leads further back, never to what that led away from.

    Args:
        history: Newest first.
    """
    if not history:
        return None
    newest = history[0]
    found = ROLLED_BACK.fullmatch(newest.description)
    origin = int(found[1]) if found else newest.number
    limit = origin if newest.status == "deployed" else newest.number + 1
    return next((entry.number for entry in history if entry.is_good and entry.number < limit), None)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """An action on a release that was begun and not ended."""

    action: str
    """`apply`, `rollback`."""
    actor: str
    since: datetime
    step: str
    """What it was doing last."""
    is_alive: bool
    """Whether somebody still works on it."""
    from_revision: int = 0
    """The newest revision when it began; 0 for none."""

    def to_json(self) -> dict[str, Any]:
        """The action as JSON data."""
        return {**asdict(self), "since": to_rfc3339(self.since)}


@dataclass(frozen=True, slots=True)
class ReleaseStatus:
    """A release at one moment."""

    target: str
    release: str
    place: str
    """Where it runs: context and namespace, or this machine."""
    at: datetime
    phase: Phase
    explanation: str
    """What the phase means here, one sentence."""
    way_out: str = ""
    """The command that leads on, where one is needed."""
    resources: tuple[Resource, ...] = ()
    images: tuple[str, ...] = ()
    """Images of the running containers, by digest where the cluster knows it; for a local target what it runs."""
    history: tuple[Revision, ...] = ()
    """Newest first."""
    under_way: UnderWay | None = None
    canary_percent: int | None = None
    """Share of the requests that the canary gets; None where there is no canary."""

    @property
    def revision(self) -> int:
        """The newest revision; 0 where there is none."""
        return self.history[0].number if self.history else 0

    @property
    def good_revision(self) -> int | None:
        """The newest revision that serves or once served; None where none ever did."""
        return next((entry.number for entry in self.history if entry.is_good), None)

    @property
    def way_back(self) -> int | None:
        """The revision to go back to; None for none. See the function of the same name."""
        return way_back(self.history)

    @property
    def is_ready(self) -> bool:
        """Whether it is deployed and everything of it is ready."""
        return self.phase is Phase.DEPLOYED and all(item.health is Health.READY for item in self.resources)

    @property
    def answer(self) -> Literal["yes", "no", "hold"]:
        """Yes when it is ready; no when it failed; hold while that is open."""
        if self.is_ready:
            return "yes"
        failed = self.phase is Phase.FAILED or any(item.health is Health.FAILED for item in self.resources)
        return "no" if failed else "hold"

    def to_json(self) -> dict[str, Any]:
        """The status as JSON data."""
        return {
            "target": self.target,
            "release": self.release,
            "place": self.place,
            "at": to_rfc3339(self.at),
            "phase": self.phase.value,
            "explanation": self.explanation,
            "way_out": self.way_out,
            "revision": self.revision,
            "good_revision": self.good_revision,
            "ready": self.is_ready,
            "resources": [asdict(item) for item in self.resources],
            "images": list(self.images),
            "canary_percent": self.canary_percent,
            "history": [entry.to_json() for entry in self.history],
            "under_way": self.under_way.to_json() if self.under_way else None,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that a deployment would change."""

    resource: str
    """`Deployment/cap`."""
    path: str
    """`spec.template.spec.containers[cap].image`; empty where the whole resource comes or goes."""
    before: str | None
    """None where there was nothing."""
    after: str | None
    """None where nothing will be."""


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """What a release would change, and what it consists of."""

    differences: tuple[Difference, ...]
    chart: str
    """Name and version."""
    chart_digest: str
    """`sha3-256:` over the chart's files and the files of values."""
    images: tuple[str, ...]
    resources: tuple[str, ...]
    """What it will consist of: `Deployment/cap`."""

    def to_json(self) -> dict[str, Any]:
        """The differences as JSON data."""
        return {
            "chart": self.chart,
            "chart_digest": self.chart_digest,
            "images": list(self.images),
            "resources": list(self.resources),
            "differences": [asdict(item) for item in self.differences],
        }


@dataclass(frozen=True, slots=True)
class Deployed:
    """A change of a release that came to its end."""

    action: Literal["apply", "rollback"]
    revision: int
    from_revision: int
    """The newest revision before; 0 for none."""
    took_s: float
    status: ReleaseStatus
    chart_digest: str = ""
    """What was deployed; empty after a rollback."""
    resumed: bool = False
    """Whether it went on with what somebody else had begun."""

    @property
    def answer(self) -> Literal["yes", "no", "hold"]:
        """That of the status it led to."""
        return self.status.answer

    def to_json(self) -> dict[str, Any]:
        """The change as JSON data."""
        return {
            "action": self.action,
            "revision": self.revision,
            "from_revision": self.from_revision,
            "took_s": round(self.took_s, 1),
            "chart_digest": self.chart_digest,
            "resumed": self.resumed,
            "status": self.status.to_json(),
        }


class DeployTarget(Protocol):
    """Where a release can be deployed.

    Every method raises `Unavailable` where the target or a tool for it cannot be reached.
    """

    @property
    def name(self) -> str:
        """`kubernetes`, `local`: how it is called on the command line."""
        ...

    def commands(self, release: Release) -> tuple[Command, ...]:
        """Exactly what `apply` will run or do, in order. Asks nobody."""
        ...

    def check(self, release: Release) -> tuple[str, ...]:
        """Look at everything that would keep `apply` from working; return what ought to be known nevertheless.

        Raises:
            EngineError: It would not work; the first obstacle.
        """
        ...

    def diff(self, release: Release) -> ReleaseDiff:
        """What `apply` would change. Changes nothing."""
        ...

    def status(self, name: str = "cap") -> ReleaseStatus:
        """Where a release stands. Changes nothing; answers for one that does not exist."""
        ...

    def apply(self, release: Release, emit: Emit) -> Deployed:
        """Deploy, wait until everything is ready, and say what came of it; go on where somebody was interrupted.

        Args:
            release: What.
            emit: Hears of every line of output and of each resource as it becomes ready.

        Raises:
            Conflict: Somebody else changed the release meanwhile, or is changing it now.
            Refused: It did not come up; what the message says was done about it.
            InvalidInput: The chart does not take these values.
            Held: Whoever asks may not do this there.
            KeyboardInterrupt: Passed on, once what was begun has stopped.
        """
        ...

    def rollback(self, name: str, revision: int | None, emit: Emit, *, timeout_s: int = DEFAULT_TIMEOUT_S) -> Deployed:
        """Go back to a revision; to the last one that served without one. Raises as `apply`; NotFound without one."""
        ...
