"""The verification result: what the caller gets, what is signed, and what write-back reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.decision.verdict import Decision, Outcome, Violation
from engine.ids import hash_bytes
from engine.policy.ir import PolicyIR

if TYPE_CHECKING:
    from orjson import Fragment

RESULT_VERSION: Final = "1.0"

_ROW: Final = '{"supplier_hash":"'
"""How the canonical JSON of every supplier's verdict begins."""


def verification_result(
    decision: Decision,
    *,
    ir: PolicyIR,
    plan_hash: str,
    suppliers: Mapping[str, Outcome],
    context_hash: str,
    at: datetime,
    written: bool = False,
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
        written: Put the suppliers down as canonical JSON already (an `orjson.Fragment`): for a result that is signed
            and sent, and read by nobody here.
    """
    body: dict[str, Any] = {
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
        "suppliers": _written(suppliers) if written else _suppliers(suppliers),
    }
    return {**body, "manifest_hash": manifest_hash(body)}


def manifest_hash(result: Mapping[str, Any]) -> str:
    """`sha3-256:...` over policy hash, IR hash, context hash, time and verdict: what was judged, by what, and how."""
    manifest = {name: result[name] for name in ("policy_hash", "ir_hash", "context_hash", "at", "verdict")}
    return hash_bytes(canonical_json(manifest, unproven=None))


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


def _written(outcomes: Mapping[str, Outcome]) -> Fragment:
    """The canonical JSON of `_suppliers(outcomes)`, without making it."""
    import orjson

    try:
        is_escaped = b"\\" in orjson.dumps(list(outcomes))
    except TypeError:  # half a surrogate pair; the strict writer names it
        is_escaped = True
    if is_escaped:
        return orjson.Fragment(canonical_json(_suppliers(outcomes)))
    all_outcomes = list(outcomes.values())
    if all_outcomes and all_outcomes.count(all_outcomes[0]) == len(all_outcomes):
        end = _end_of_row(all_outcomes[0])
        rows = f"{_ROW}{f'{end},{_ROW}'.join(outcomes)}{end}"
    else:
        ends = {id(outcome): _end_of_row(outcome) for outcome in {id(one): one for one in all_outcomes}.values()}
        rows = ",".join([f"{_ROW}{hash}{ends[id(outcome)]}" for hash, outcome in outcomes.items()])
    return orjson.Fragment(f"[{rows}]")


def _end_of_row(outcome: Outcome) -> str:
    violations = canonical_json(_violations(outcome.violations)).decode()
    return f'","verdict":"{outcome.verdict.label}","violations":{violations}}}'


def _violations(violations: tuple[Violation, ...]) -> list[dict[str, str]]:
    return [{"rule_id": violation.rule_id, "reason": violation.reason} for violation in violations]
