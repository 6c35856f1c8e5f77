"""One context decided once: the plan, the verdict pair, the gate; the same bytes on every machine and surface.

The command line and the HTTP service both answer from here. Nothing depends on the machine or on a rollout: the
evaluation time is an input, and the bucket is drawn with a fixed key instead of a rollout's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.decision.context import check_context, context_hash
from engine.decision.decider import Decider
from engine.decision.plan import Plan
from engine.decision.verdict import Decision, Drift, Outcome, Verdict, Violation
from engine.errors import InvalidInput
from engine.ids import HASH_PATTERN, is_hash
from engine.policies.catalog import Catalog
from engine.policy.ir import PolicyIR
from engine.rollout.plan import to_percent

SALT: Final = b"capctl/adapt/v1"
"""Key of the bucketing. Public, which does no harm: nothing is enforced by the result."""

ADAPT_VERSION: Final = "1.0"


@dataclass(frozen=True, slots=True)
class AdaptRequest:
    """How a decision was asked for.

    Raises:
        InvalidInput: The limit is no share.
    """

    enforce: bool
    basis_points: int
    drift_max_ratio: float
    selector: str
    at: datetime

    def __post_init__(self) -> None:
        if not 0 <= self.drift_max_ratio <= 1:
            raise InvalidInput(
                "adapt.drift_max_range",
                f"--drift-max {str(self.drift_max_ratio)[:40]} is not within 0..1",
                "Write a share from 0 to 1: 0.005 is 0.5 %.",
            )

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
    request: AdaptRequest
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


def adapt(
    catalog: Catalog,
    *,
    baseline: PolicyIR,
    candidate: PolicyIR | None,
    context: Any,
    request: AdaptRequest,
    weights: Mapping[str, float] | None,
    plan_only: bool,
) -> Adaptation:
    """Make the adaptive plan for one context and decide it.

    Args:
        catalog: Where reference sets are found by their root.
        baseline: The policy.
        candidate: The version whose plan is tried; None: the policy's own.
        context: Unverified JSON data.
        request: How to decide.
        weights: Costs by rule id, for the weighted selector.
        plan_only: Make the plan only; nothing is decided.

    Raises:
        InvalidInput: The context, the weights or the selector are malformed.
    """
    document = check_context(context)
    decider = Decider(
        baseline,
        named_sets(catalog, document, *filter(None, (baseline, candidate))),
        salt=SALT,
        candidate=candidate,
        selector=request.selector,
        weights=weights,
    )
    decision = None
    if not plan_only:
        decision = decider.decide(document, at=request.at, enforce=request.enforce, basis_points=request.basis_points)
    return Adaptation(baseline, decider.plan(document, request.at), request, context_hash(document), decision)


def named_sets(catalog: Catalog, context: Mapping[str, Any], *irs: PolicyIR) -> dict[str, frozenset[str]]:
    """The reference sets that a context and policies name by root; others are not loaded, a list may be long."""
    available = catalog.reference_sets()
    roots = {text for text in _texts(context) if is_hash(text)}
    for ir in irs:
        roots.update(HASH_PATTERN.findall(ir.canonical.decode()))
    return {root: available[root] for root in sorted(roots) if root in available}


def _texts(context: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a context that may name a set: its roots and variables."""
    shared = {name: value for name, value in context.items() if name.endswith("_root")}
    for value in (*shared.values(), *context.get("variables", {}).values()):
        if isinstance(value, str):
            yield value


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
