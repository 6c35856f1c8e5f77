"""The evening as one plan: which step stands where, and the only ways in which that changes. Pure.

A step is begun, and then ends well (`done`), badly (`failed`) or not at all (`held`); only the first lets the next one
begin. A step that was begun and whose process died is begun again: what may not be done twice looks first whether it
was (`Step.baseline` says what there was before).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from engine.clock import from_rfc3339, to_rfc3339
from engine.cutover.steps import ENFORCE, kind_of, step_ids
from engine.errors import Held, InvalidInput

FORMAT: Final = "capctl-cutover/v1"
FULL_CANARY_S: Final = 15 * 60
"""How long a canary is watched where nothing is shortened."""
FULL_LOAD_S: Final = 60
SHORTEST_LOAD_S: Final = 6
"""Fewer requests say nothing about a 95th percentile."""


class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """The answer was no."""
    HELD = "held"
    """There was no answer: not enough evidence, not allowed, or something did not answer."""


class Phase(StrEnum):
    """Where the evening stands."""

    OPEN = "open"
    DONE = "done"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    id: str
    state: StepState = StepState.WAITING
    evidence: str = ""
    """What it showed, or why it did not end well; one sentence."""
    actor: str = ""
    """Who began it last, a pseudonym."""
    at: datetime | None = None
    """When its state last changed."""
    attempts: int = 0
    baseline: int | None = None
    """What there was before its first attempt: the release's revision; None where nothing was noted."""
    go: str = ""
    """Who said go, a pseudonym; empty where nobody did."""

    def to_json(self) -> dict[str, Any]:
        """The step as JSON data."""
        return {
            "id": self.id,
            "state": self.state.value,
            "evidence": self.evidence,
            "actor": self.actor,
            "at": to_rfc3339(self.at) if self.at else None,
            "attempts": self.attempts,
            "baseline": self.baseline,
            "go": self.go,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Step:
        """Read what `to_json` made. Raises KeyError, TypeError or ValueError where it is something else."""
        at = from_rfc3339(data["at"]) if data["at"] else None
        return cls(**{**data, "state": StepState(data["state"]), "at": at})


@dataclass(frozen=True, slots=True)
class Evening:
    """A cutover, from preflight to sign-off."""

    id: str
    """Part of the pilot's run id, so that nothing is written into SAP twice."""
    env: str
    target: str
    policy_id: str
    canary_s: int
    """How long the canary must be clean."""
    begun_by: str
    """A pseudonym."""
    begun_at: datetime
    steps: tuple[Step, ...]
    phase: Phase = Phase.OPEN

    @property
    def percents(self) -> tuple[str, ...]:
        """The shares it goes through, from nothing to everything."""
        return tuple(step.id.removeprefix(ENFORCE) for step in self.steps if step.id.startswith(ENFORCE))

    @property
    def load_s(self) -> int:
        """How long the spot load lasts: short where the canary is."""
        return min(FULL_LOAD_S, max(SHORTEST_LOAD_S, self.canary_s))

    @property
    def shortened(self) -> str:
        """What is shorter than in production, and by how much; empty where nothing is."""
        return shortened(self.canary_s)

    @property
    def current(self) -> Step | None:
        """The first step that is not done; None when all are."""
        return next((step for step in self.steps if step.state is not StepState.DONE), None)

    @property
    def waits_for_go(self) -> bool:
        """Whether the next step wants a person to say go first."""
        step = self.current
        return self.phase is Phase.OPEN and step is not None and kind_of(step.id).needs_go and not step.go

    def step(self, id: str) -> Step:
        """A step by its id. Raises KeyError."""
        for step in self.steps:
            if step.id == id:
                return step
        raise KeyError(id)

    def to_json(self) -> dict[str, Any]:
        """The evening as JSON data."""
        return {
            "format": FORMAT,
            "id": self.id,
            "env": self.env,
            "target": self.target,
            "policy_id": self.policy_id,
            "canary_s": self.canary_s,
            "begun_by": self.begun_by,
            "begun_at": to_rfc3339(self.begun_at),
            "phase": self.phase.value,
            "steps": [step.to_json() for step in self.steps],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evening:
        """Read what `to_json` made.

        Raises:
            InvalidInput: It is something else.
        """
        try:
            fields = {name: value for name, value in data.items() if name != "format" or value != FORMAT}
            steps = tuple(Step.from_json(step) for step in data["steps"])
            begun_at = from_rfc3339(data["begun_at"])
            return cls(**{**fields, "begun_at": begun_at, "steps": steps, "phase": Phase(data["phase"])})
        except (KeyError, TypeError, ValueError) as error:
            hint = "It was written by another release of capctl; restore the registry, or use that release."
            raise InvalidInput("cutover.unreadable", "The plan of the cutover cannot be read", hint) from error


def shortened(canary_s: int) -> str:
    """What a canary that is watched for so long stands for; empty where it is as long as in production."""
    if canary_s >= FULL_CANARY_S:
        return ""
    return f"1:{FULL_CANARY_S / canary_s:.3g}, canary {canary_s} s for {FULL_CANARY_S // 60} min"


def begin(
    id: str, *, env: str, target: str, policy_id: str, percents: Sequence[str], canary_s: int, actor: str, at: datetime
) -> Evening:
    """A new evening, every step still to come."""
    steps = tuple(Step(step) for step in step_ids(percents))
    return Evening(id, env, target, policy_id, canary_s, actor, at, steps)


def say_go(evening: Evening, *, actor: str) -> Evening:
    """Let the next step begin. Saying it where nobody is asked changes nothing."""
    step = evening.current
    if step is None or not evening.waits_for_go:
        return evening
    return _put(evening, replace(step, go=actor))


def start(evening: Evening, *, actor: str, at: datetime, baseline: int | None = None) -> Evening:
    """Begin the current step, or begin it again.

    Raises:
        Held: The evening has ended, or the step wants a go.
    """
    step = evening.current
    if evening.phase is not Phase.OPEN or step is None:
        raise Held("cutover.ended", "This cutover has ended", "Begin another one: capctl cutover run.")
    if evening.waits_for_go:
        title = kind_of(step.id).title
        raise Held("cutover.waits_for_go", f"{title} waits for a go", "Say it: capctl cutover resume --go.")
    first = baseline if step.baseline is None else step.baseline
    begun = replace(
        step, state=StepState.RUNNING, evidence="", actor=actor, at=at, attempts=step.attempts + 1, baseline=first
    )
    return _put(evening, begun)


def finish(evening: Evening, state: StepState, evidence: str, *, at: datetime) -> Evening:
    """End the running step; the evening is done with its last one.

    Raises:
        ValueError: No step runs, or that is no end.
    """
    step = evening.current
    if step is None or step.state is not StepState.RUNNING or state in (StepState.WAITING, StepState.RUNNING):
        raise ValueError(f"no step of {evening.id} can end as {state}")
    # A step that did not end well wants a new go: somebody has to look first.
    go = step.go if state is StepState.DONE else ""
    ended = _put(evening, replace(step, state=state, evidence=evidence, at=at, go=go))
    return replace(ended, phase=Phase.DONE) if ended.current is None else ended


def roll_back(evening: Evening) -> Evening:
    """End the evening because everything was taken back. One that has ended stays as it is."""
    return replace(evening, phase=Phase.ROLLED_BACK) if evening.phase is Phase.OPEN else evening


def _put(evening: Evening, step: Step) -> Evening:
    return replace(evening, steps=tuple(step if each.id == step.id else each for each in evening.steps))
