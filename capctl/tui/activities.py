"""What this console has done and is doing: the runs of operations, with their progress and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from capctl.tui.messages import Call
from engine.context import Progress
from engine.errors import EngineError

KEPT: Final = 100
"""Runs that are remembered."""

TOLD: Final = 600
"""Lines and figures of one run that are remembered, the latest."""

MEASURED_S: Final = 1.0
"""A rate is not told before so much time has passed."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far one step of a run is."""

    progress: Progress
    """Its latest progress."""
    since_s: float
    """Monotonic time of its first progress."""
    first: int
    """How much was done then."""

    def per_s(self, now_s: float) -> float | None:
        """What it does a second; None while that cannot be told."""
        elapsed_s, done = now_s - self.since_s, self.progress.done - self.first
        return done / elapsed_s if elapsed_s >= MEASURED_S and done > 0 else None


@dataclass(frozen=True, slots=True)
class Activity:
    """One run of an operation."""

    number: int
    at: datetime
    """When it was begun."""
    call: Call
    steps: tuple[Step, ...] = ()
    """In the order in which they were first reported."""
    current: Progress | None = None
    """The latest progress of all."""
    doing: Progress | None = None
    """The latest progress that was no wait: what it will go on with."""
    current_s: float = 0.0
    """Monotonic time of `current`."""
    waits: int = 0
    """How often it said that it waits."""
    told: tuple[Progress, ...] = ()
    """Lines that tools printed, and figures, oldest first."""
    event: Any = None
    """The latest event, where it yields some until it has ended."""
    result: Any = None
    """What it returned; None while it runs."""
    error: EngineError | None = None
    """Why it was refused, or failed."""
    ended_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    @property
    def outcome(self) -> str:
        """What came of it in a word or a sentence; empty while it runs."""
        return "" if self.is_running else self.error.message if self.error else "done"

    def step(self, name: str) -> Step | None:
        """A step by its name; None before its first progress."""
        return next((step for step in self.steps if step.progress.step == name), None)

    def with_progress(self, progress: Progress, at_s: float) -> Activity:
        """The run after it told how far it is."""
        known = [step.progress.step for step in self.steps]
        place = known.index(progress.step) if progress.step in known else len(known)
        began = self.steps[place] if place < len(known) else Step(progress, at_s, progress.done)
        steps = (*self.steps[:place], replace(began, progress=progress), *self.steps[place + 1 :])
        waits = self.waits + (progress.step == WAITING)
        doing = self.doing if progress.step == WAITING else progress
        told = (*self.told, progress)[-TOLD:] if progress.output or progress.figures else self.told
        return replace(self, steps=steps, current=progress, current_s=at_s, doing=doing, waits=waits, told=told)

    def ended(self, at: datetime, *, result: Any = None, error: EngineError | None = None) -> Activity:
        """The run after it has ended, one way or the other."""
        return replace(self, ended_at=at, result=result, error=error)


WAITING: Final = "waiting"
"""The step of an operation that was asked to wait; its message says by whom and how long."""

Activities = tuple[Activity, ...]


def begun(activities: Activities, activity: Activity) -> Activities:
    """The runs with a new one, the oldest forgotten."""
    return (*activities, activity)[-KEPT:]


def changed(activities: Activities, number: int, change: Callable[[Activity], Activity]) -> Activities:
    """The runs with one of them changed."""
    return tuple(change(item) if item.number == number else item for item in activities)


def latest(activities: Activities, *op_ids: str) -> Activity | None:
    """The newest run of one of some operations."""
    return next((item for item in reversed(activities) if item.call.op.id in op_ids), None)
