"""A rollout as it is stored: where it stands, which step, on whose word.

The state is a value. Transitions make a new one with the next revision; the store swaps it in only if nobody else did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from engine.drift.gate import GateSettings

FULL = 10_000
"""A whole rollout in basis points: percentages are carried as integers, 25 % = 2500."""


MAX_BREAK_GLASS: Final = timedelta(minutes=60)


class Phase(StrEnum):
    """Where a rollout stands."""

    SHADOW = "shadow"
    """0 %: everything is measured, nothing is enforced."""
    CANARY = "canary"
    """Some requests are enforced."""
    FULL = "full"
    PAUSED = "paused"
    """Enforcement stays where it is; nothing is promoted."""
    ROLLED_BACK = "rolled_back"
    """Back at 0 % because something was wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a rollout plan."""

    basis_points: int
    """Share of requests enforced, 0..10000."""
    hold_s: float
    """Shortest time to stay on this step before the next, in seconds."""
    gate: GateSettings = field(default_factory=GateSettings)


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """The steps of a rollout, in order, and whether it advances by itself."""

    steps: tuple[Step, ...]
    auto: bool = False
    """Promote on an open gate after each hold time. (Rolling back on a closed gate is always automatic.)"""


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A promotion that passed a gate that was not open: loud until it expires or the gate opens."""

    reason: str
    actor: str
    until: datetime
    return_to_basis_points: int
    """Where enforcement goes when it expires and the gate has not opened."""

    def is_over(self, at: datetime) -> bool:
        """Whether it has expired. A clock that was set back does not prolong it."""
        return not self.until - MAX_BREAK_GLASS <= at < self.until


@dataclass(frozen=True, slots=True)
class RolloutState:
    """Everything that decides which requests are enforced, and why it is so."""

    policy_id: str
    revision: int
    """Rises by one with each transition; the optimistic lock."""
    phase: Phase
    plan: RolloutPlan
    step_index: int
    """Index into `plan.steps`; the step whose gate settings apply. -1 when set by hand beside the plan."""
    basis_points: int
    step_id: str
    """Names the stretch of evidence: it changes whenever what is being measured changes."""
    step_started_at: datetime
    salt: bytes
    """Key of the bucketing; drawn once when the rollout starts, so that callers cannot choose their bucket."""
    bucket_version: int
    candidate_ir_hash: str | None
    """The candidate policy version under rollout; None: the published IR's own adaptive plan."""
    actor: str
    """Who made the last transition."""
    reason: str
    changed_at: datetime
    break_glass: BreakGlass | None = None
