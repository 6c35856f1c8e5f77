"""A verdict for each supplier: what is written back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.decision.compile import Evaluator
from engine.decision.context import records
from engine.decision.reasons import VIOLATED
from engine.decision.verdict import Outcome, Violation


def supplier_outcomes(
    evaluator: Evaluator, context: Mapping[str, Any], at: datetime, *, active: bool, whole: Outcome | None = None
) -> dict[str, Outcome]:
    """The outcome for each supplier hash (see `Decider.supplier_verdicts`).

    Args:
        evaluator: The compiled policy.
        context: A checked context.
        at: The evaluation time.
        active: By the active rules only, or by every rule.
        whole: What they say of the whole context, where that is known.
    """
    singles = records(context)
    if singles is not None:
        return {single["supplier_hashes"][0]: evaluator.evaluate(single, at)[active] for single in singles}
    if whole is None:
        whole = evaluator.evaluate(context, at)[active]
    return _narrowed(whole, evaluator, context, at)


def _narrowed(whole: Outcome, evaluator: Evaluator, context: Mapping[str, Any], at: datetime) -> dict[str, Outcome]:
    """The outcome of the whole, where rules about single suppliers count for the suppliers they found only."""
    found = evaluator.offenders(context, at) if whole.violations else {}
    narrowed = [
        (violation, found[violation.rule_id])
        for violation in whole.violations
        if violation.rule_id in found and violation.reason in VIOLATED
    ]
    if not narrowed:
        return dict.fromkeys(context.get("supplier_hashes", ()), whole)
    shared = set(whole.violations).difference(violation for violation, _ in narrowed)
    outcomes: dict[frozenset[Violation], Outcome] = {}
    by_supplier = {}
    for supplier in context["supplier_hashes"]:
        mine = shared.union(violation for violation, offenders in narrowed if supplier in offenders)
        key = frozenset(mine)
        if key not in outcomes:
            outcomes[key] = evaluator.outcome_of(v for v in whole.violations if v in key)
        by_supplier[supplier] = outcomes[key]
    return by_supplier
