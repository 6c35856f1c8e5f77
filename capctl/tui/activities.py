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


@dataclass(frozen=True, slots=True)
class Activity:
    """One run of an operation."""

    number: int
    at: datetime
    """When it was begun."""
    call: Call
    steps: tuple[Progress, ...] = ()
    """The latest progress of each step, in the order in which the steps were first reported."""
    current: Progress | None = None
    """The latest progress of all."""
    current_s: float = 0.0
    """Monotonic time of `current`."""
    waits: int = 0
    """How often it said that it waits."""
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

    def with_progress(self, progress: Progress, at_s: float) -> Activity:
        """The run after it told how far it is."""
        known = [step.step for step in self.steps]
        place = known.index(progress.step) if progress.step in known else len(known)
        steps = (*self.steps[:place], progress, *self.steps[place + 1 :])
        waits = self.waits + (progress.step == WAITING)
        return replace(self, steps=steps, current=progress, current_s=at_s, waits=waits)

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
