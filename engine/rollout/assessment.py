"""A rollout with its evidence and what the gate says of it, all of one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from engine.drift.fleet import FleetEvidence, combine
from engine.drift.gate import Answer, GateReport, evaluate_gate
from engine.drift.sample import ReplicaSample
from engine.errors import Held, Refused
from engine.rollout.state import RolloutState
from engine.rollout.transitions import current_step

MAX_EXPLAINED: Final = 10
"""Most rules that are named as the reason of something."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known about a rollout at one moment."""

    at: datetime
    state: RolloutState
    fleet: FleetEvidence
    report: GateReport
    source_problem: str = ""
    """Why the evidence could not be read; empty when it was."""

    def to_json(self) -> dict[str, Any]:
        """The gate's report with the rules behind the drift: what a rollback keeps as its evidence."""
        explained = [asdict(explanation) for explanation in self.fleet.explained[:MAX_EXPLAINED]]
        return {**self.report.to_json(), "explained": explained}


def assess(
    state: RolloutState, samples: Iterable[ReplicaSample], at: datetime, *, source_problem: str = ""
) -> Assessment:
    """Judge a rollout's current step.

    Args:
        state: The rollout.
        samples: The last report of each replica about its policy.
        at: Now, wall time.
        source_problem: Why there are no samples: nobody could be asked. The gate holds and says so.
    """
    fleet = combine(samples, state.step_id, at)
    step = current_step(state)
    report = evaluate_gate(
        step.gate,
        step=fleet.step,
        traffic=fleet.step_traffic,
        windows=fleet.windows,
        source_age_s=fleet.source_age_s,
        step_age_s=(at - state.step_started_at).total_seconds(),
        hold_s=step.hold_s,
        requests_per_s=fleet.requests_per_s,
        basis_points=state.basis_points,
        source_problem=source_problem,
    )
    return Assessment(at, state, fleet, report, source_problem)


def stopped(report: GateReport) -> Refused | Held:
    """The error that a gate which is not open answers a promotion with: its first reason, and how many more."""
    reasons = [condition.detail for condition in report.conditions if condition.answer is report.answer]
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    if report.answer is Answer.CLOSED:
        hint = "See capctl gate check, and roll back if in doubt."
        return Refused("rollout.gate_closed", f"The gate is closed: {reasons[0]}{more}", hint)
    return Held("rollout.gate_hold", f"The gate holds: {reasons[0]}{more}", "Wait for the evidence: capctl gate check.")
