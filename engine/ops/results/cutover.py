"""What the cutover commands answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.clock import to_rfc3339
from engine.cutover.plan import Evening, Phase, StepState
from engine.cutover.steps import kind_of
from engine.ops.results.audit import ShownRecord
from engine.ports import CutoverLease


@dataclass(frozen=True, slots=True)
class CutoverShown:
    """An environment's cutover at one moment."""

    env: str
    at: datetime
    evening: Evening | None
    """None before the first."""
    lease: CutoverLease | None
    """Who works on it."""
    names: Mapping[str, str]
    """Names behind the pseudonyms in it, for the screen; no document has them."""
    record: str = ""
    """Name of the record in the state directory's `cutover` folder, once it is written."""
    taken_back: str = ""
    """What else a rollback leads to: the command that takes the deployment back."""
    answers_rollback: bool = False
    """Whether somebody asked to go back, and has got it."""

    @property
    def next_step(self) -> str:
        """The command that leads on; empty where there is nothing to do."""
        if self.evening is None:
            return f"capctl cutover run --env {self.env}"
        if self.evening.phase is not Phase.OPEN:
            return self.taken_back
        go = " --go" if self.evening.waits_for_go else ""
        return f"capctl cutover resume{go} --env {self.env}"

    @property
    def way_back(self) -> str:
        """The command that leads back to safety from here."""
        open_now = self.evening is not None and self.evening.phase is Phase.OPEN
        return f"capctl cutover rollback --env {self.env}" if open_now else ""

    @property
    def answer(self) -> Literal["yes", "no", "hold"]:
        """Yes when it is done, no when a step failed or it was rolled back, hold while it is open.

        For whoever asked to go back it is a yes.
        """
        if self.answers_rollback:
            return "yes"
        if self.evening is None:
            return "hold"
        if self.evening.phase is Phase.DONE:
            return "yes"
        step = self.evening.current
        failed = step is not None and step.state is StepState.FAILED
        return "no" if failed or self.evening.phase is Phase.ROLLED_BACK else "hold"

    def to_json(self) -> dict[str, Any]:
        """The cutover as JSON data."""
        plan = self.evening.to_json() if self.evening else None
        if plan and self.evening:
            plan["shortened"] = self.evening.shortened
            for step in plan["steps"]:
                kind = kind_of(step["id"])
                step |= {"title": kind.title, "proof": kind.proof, "way_back": kind.way_back, "needs_go": kind.needs_go}
        return {
            "env": self.env,
            "cutover": plan,
            "at_work": {
                "actor": self.lease.actor,
                "step": self.lease.step,
                "since": to_rfc3339(self.lease.since),
                "heard_of": to_rfc3339(self.lease.at),
            }
            if self.lease
            else None,
            "next": self.next_step,
            "way_back": self.way_back,
            "record": self.record,
        }


@dataclass(frozen=True, slots=True)
class CutoverLook:
    """What a screen about the cutover looks at."""

    shown: CutoverShown
    planned: tuple[str, ...]
    """Ids of the steps that a cutover would have if it were begun now."""
    history: tuple[ShownRecord, ...]
    """The latest audit records about cutovers, newest first."""
    shortened: str = ""
    """What a cutover would shorten if it were begun now; empty where nothing."""


@dataclass(frozen=True, slots=True)
class CutoverReport:
    """The record of a cutover, written into the state directory."""

    cutover: str
    """The cutover's id."""
    name: str
    """Of the file, in the state directory's `cutover` folder."""
    path: str
    """Where that is on this machine: for the screen, in no document."""
    size: int
    """In bytes."""

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {"cutover": self.cutover, "record": self.name, "size": self.size}
