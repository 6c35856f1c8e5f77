"""What the deploy commands answer, where it is more than a target's own answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.cutover.target import Command, Phase, ReleaseDiff, ReleaseStatus

TargetName = Literal["kubernetes", "local"]


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """What a deployment would do."""

    env: str
    commands: tuple[Command, ...]
    diff: ReleaseDiff
    status: ReleaseStatus
    """Where the release stands now; its revision is what `--if-revision` takes."""
    remarks: tuple[str, ...] = ()

    @property
    def answer(self) -> Literal["yes", "hold"]:
        """Hold while somebody is changing the release."""
        return "hold" if self.status.phase is Phase.RUNNING else "yes"

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data."""
        return {
            "env": self.env,
            "commands": [command.to_json() for command in self.commands],
            "diff": self.diff.to_json(),
            "status": self.status.to_json(),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True)
class DiffShown:
    """What a deployment would change."""

    diff: ReleaseDiff

    def to_json(self) -> dict[str, Any]:
        """The differences as JSON data."""
        return self.diff.to_json()


@dataclass(frozen=True, slots=True)
class StatusShown:
    """Where a release stands."""

    env: str
    status: ReleaseStatus

    @property
    def answer(self) -> Literal["yes", "no", "hold"]:
        """That of the status."""
        return self.status.answer

    def to_json(self) -> dict[str, Any]:
        """The status as JSON data."""
        return {"env": self.env, **self.status.to_json()}
