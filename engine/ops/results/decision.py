"""What `adapt` and `replay` answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.decision.plan import Plan
from engine.decision.replay import ReplaySummary
from engine.decision.verdict import Decision, Drift, Outcome, Verdict, Violation
from engine.policy.ir import PolicyIR
from engine.rollout.plan import to_percent

ADAPT_VERSION: Final = "1.0"


@dataclass(frozen=True, slots=True)
class Request:
    """How a decision was asked for."""

    enforce: bool
    basis_points: int
    drift_max_ratio: float
    selector: str
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """The options as JSON data."""
        return {
            "enforce": self.enforce,
            "rollout_percent": to_percent(self.basis_points),
            "drift_max_ratio": self.drift_max_ratio,
            "selector": self.selector,
        }


@dataclass(frozen=True, slots=True)
class Adaptation:
    """The adaptive plan of a context, and the decision where one was asked for."""

    ir: PolicyIR
    plan: Plan
    request: Request
    context_hash: str
    decision: Decision | None
    """None for a plan only."""

    @property
    def drift_ratio(self) -> float:
        """Drift events / requests, of the one request there was."""
        return 1.0 if self.decision and self.decision.drift is not Drift.NONE else 0.0

    @property
    def gate_is_open(self) -> bool:
        """Whether the drift of this request is within the limit."""
        return self.drift_ratio <= self.request.drift_max_ratio

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when the enforced verdict is fail or the gate is closed."""
        failed = self.decision is not None and self.decision.enforced.verdict is Verdict.FAIL
        return "no" if failed or not self.gate_is_open else "yes"

    @property
    def document(self) -> bytes:
        """The canonical document with a newline: byte-identical for identical inputs."""
        return canonical_json(self.to_json()) + b"\n"

    def to_json(self) -> dict[str, Any]:
        """The document as JSON data: the plan alone, or the plan with what was decided."""
        if self.decision is None:
            return self.plan.to_json()
        return {
            "adapt_version": ADAPT_VERSION,
            "at": to_rfc3339(self.request.at),
            "policy_id": self.ir.policy_id,
            "policy_hash": self.ir.policy_hash,
            "ir_hash": self.ir.ir_hash,
            "context_hash": self.context_hash,
            "options": self.request.to_json(),
            "plan": self.plan.to_json(),
            "decision": decision_to_json(self.decision),
            "gate": {
                "answer": "open" if self.gate_is_open else "closed",
                "drift_ratio": self.drift_ratio,
                "limit": self.request.drift_max_ratio,
                "requests": 1,
            },
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """What a candidate would have changed over recorded contexts."""

    baseline: PolicyIR
    candidate: PolicyIR
    at: datetime
    summary: ReplaySummary

    @property
    def document(self) -> bytes:
        """The canonical document with a newline: byte-identical however the work was divided."""
        return canonical_json(self.to_json()) + b"\n"

    def to_json(self) -> dict[str, Any]:
        """The replay as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "baseline": {"policy_id": self.baseline.policy_id, "ir_hash": self.baseline.ir_hash},
            "candidate": {"policy_id": self.candidate.policy_id, "ir_hash": self.candidate.ir_hash},
            **self.summary.to_json(),
        }


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """A decision as JSON data: rule ids and reason codes, nothing from the context."""
    return {
        "shadow": outcome_to_json(decision.shadow),
        "candidate": outcome_to_json(decision.candidate),
        "enforced": outcome_to_json(decision.enforced),
        "applied": decision.applied,
        "bucket": decision.bucket,
        "drift": decision.drift.value,
        "preview": decision.preview.value,
        "explain": violations_to_json(decision.explain()),
    }


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON data."""
    return {
        "verdict": outcome.verdict.label,
        "violations": violations_to_json(outcome.violations),
        "evaluated": outcome.evaluated,
    }


def violations_to_json(violations: tuple[Violation, ...]) -> list[dict[str, str]]:
    """Violations as JSON data."""
    return [{"rule": violation.rule_id, "reason": violation.reason} for violation in violations]
