"""What the rollout commands answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, Self

from engine.clock import to_rfc3339
from engine.drift.evidence import clean_samples_needed
from engine.drift.report import GateReport
from engine.rollout.codec import public_json
from engine.rollout.plan import plan_to_json, to_percent
from engine.rollout.snapshot import ControlSnapshot, HistoryEntry
from engine.rollout.state import Phase, RolloutPlan, RolloutState, Step

ENDED: Final = (Phase.FULL, Phase.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout with its gate and its latest transitions."""

    at: datetime
    env: str
    policy_id: str
    rollout: RolloutState | None
    gate: GateReport | None
    next_percent: float | None
    history: tuple[HistoryEntry, ...]

    @classmethod
    def of(cls, snapshot: ControlSnapshot) -> Self:
        """The rollout in a snapshot."""
        s = snapshot
        return cls(s.at, s.env, s.policy_id, s.rollout, s.gate, s.next_percent, s.history)

    @property
    def has_ended(self) -> bool:
        """Whether it is at 100 % or rolled back."""
        return self.rollout is not None and self.rollout.phase in ENDED

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when it was rolled back."""
        return "no" if self.rollout and self.rollout.phase is Phase.ROLLED_BACK else "yes"

    def to_json(self) -> dict[str, Any]:
        """The view as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "env": self.env,
            "policy_id": self.policy_id,
            "rollout": public_json(self.rollout) if self.rollout else None,
            "gate": self.gate.to_json() if self.gate else None,
            "next_percent": self.next_percent,
            "history": [{**asdict(entry), "at": to_rfc3339(entry.at)} for entry in self.history],
        }


@dataclass(frozen=True, slots=True)
class RolloutChanged:
    """A transition that was made."""

    action: str
    rollout: RolloutState

    def to_json(self) -> dict[str, Any]:
        """The transition as JSON data."""
        return {"action": self.action, "rollout": public_json(self.rollout)}


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a plan, with what its gate will ask for."""

    percent: float
    hold_s: float
    drift_max_ratio: float
    clean_requests: int
    """Requests without drift that its gate needs as evidence: not enforced ones at 0 %, enforced ones above."""


@dataclass(frozen=True, slots=True)
class PlanView:
    """A rollout plan that was read and found right."""

    plan: RolloutPlan
    steps: tuple[PlannedStep, ...]

    @classmethod
    def of(cls, plan: RolloutPlan) -> Self:
        """A plan with what its gates ask for."""
        return cls(plan, tuple(_planned(step) for step in plan.steps))

    def to_json(self) -> dict[str, Any]:
        """The plan as data that `rollout start --plan` reads, and what each gate asks for."""
        return {"plan": plan_to_json(self.plan), "steps": [asdict(step) for step in self.steps]}


def _planned(step: Step) -> PlannedStep:
    gate = step.gate
    needed = clean_samples_needed(gate.drift_max_ratio, gate.alpha) if gate.evidence == "sequential" else 0
    return PlannedStep(to_percent(step.basis_points), step.hold_s, gate.drift_max_ratio, max(needed, gate.min_samples))
