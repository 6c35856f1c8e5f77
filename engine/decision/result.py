"""The verification result: what the caller gets, what is signed, and what write-back reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from engine.clock import to_rfc3339
from engine.decision.verdict import Decision, Outcome, Violation
from engine.ids import hash_json
from engine.policy.ir import PolicyIR

RESULT_VERSION: Final = "1.0"


def verification_result(
    decision: Decision,
    *,
    ir: PolicyIR,
    plan_hash: str,
    suppliers: Mapping[str, Outcome],
    context_hash: str,
    at: datetime,
) -> dict[str, Any]:
    """The result of a decision as JSON data: same inputs, same canonical bytes.

    The shadow verdict is telemetry and no part of it.

    Args:
        decision: What was decided.
        ir: The IR that counts: the candidate's where the rollout took the request, else the published one.
        plan_hash: The hash of the adaptive plan for the context.
        suppliers: The outcome for each supplier hash, of the side that counts.
        context_hash: The context's hash.
        at: The evaluation time.
    """
    body = {
        "result_version": RESULT_VERSION,
        "policy_id": decision.policy_id,
        "policy_hash": ir.policy_hash,
        "ir_hash": ir.ir_hash,
        "context_hash": context_hash,
        "plan_hash": plan_hash,
        "at": to_rfc3339(at),
        "verdict": decision.enforced.verdict.label,
        "enforced": decision.applied,
        "violations": _violations(decision.enforced.violations),
        "suppliers": _suppliers(suppliers),
    }
    return {**body, "manifest_hash": manifest_hash(body)}


def manifest_hash(result: Mapping[str, Any]) -> str:
    """`sha3-256:...` over policy hash, IR hash, context hash, time and verdict: what was judged, by what, and how."""
    return hash_json({name: result[name] for name in ("policy_hash", "ir_hash", "context_hash", "at", "verdict")})


def _suppliers(outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    suppliers = []
    last: Outcome | None = None
    verdict, violations = "", []
    for hash, outcome in outcomes.items():
        # Most suppliers share one outcome, often ten thousand of them: what it says is written once.
        if outcome is not last:
            last, verdict, violations = outcome, outcome.verdict.label, _violations(outcome.violations)
        suppliers.append({"supplier_hash": hash, "verdict": verdict, "violations": violations})
    return suppliers


def _violations(violations: tuple[Violation, ...]) -> list[dict[str, str]]:
    return [{"rule_id": violation.rule_id, "reason": violation.reason} for violation in violations]
