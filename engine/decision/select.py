"""Which rules a plan holds, and in which order.

A rule that no activation mentions is always active; a mentioned one is active when one of its predicates holds. The
order decides nothing about the verdict, only about what is looked at and listed first, and it is deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from engine.canonical import MAX_SAFE_INTEGER
from engine.errors import InvalidInput
from engine.policy.ir import PolicyIR

DEFAULT_COST: Final = 1
"""What a rule costs that no weight was given for."""


class Selector(StrEnum):
    """How the rules of a plan are ordered."""

    BASIC = "basic"
    """By rule id."""
    WEIGHTED = "weighted"
    """By cost, then rule id: what is cheap to know is known first."""


def parse_selector(name: str) -> Selector:
    """The selector of that name.

    Raises:
        InvalidInput: There is none.
    """
    try:
        return Selector(name)
    except ValueError:
        raise InvalidInput(
            "decision.unknown_selector", f"There is no selector {name[:40]!r}", "Use basic or weighted."
        ) from None


def check_weights(weights: Mapping[str, float], known_rules: frozenset[str]) -> None:
    """Make sure that unverified weights fit the rules.

    Raises:
        InvalidInput: A weight names an unknown rule, or is no number from 0 to 2^53 - 1. The message names the rules.
    """
    unknown = sorted(set(weights) - known_rules)
    if unknown:
        raise InvalidInput(
            "decision.unknown_weight",
            f"Weights name rules the policy does not have: {_listing(unknown)}",
            f"Its rules are {_listing(sorted(known_rules))}.",
        )
    wrong = sorted(rule for rule, cost in weights.items() if not _is_cost(cost))
    if wrong:
        raise InvalidInput(
            "decision.bad_weight",
            f"Weights that are no finite number of 0 or more: {_listing(wrong)}",
            "A weight is the relative cost of a rule, such as 1 or 2.5.",
        )


def order_rules(ir: PolicyIR, selector: Selector, weights: Mapping[str, float]) -> tuple[str, ...]:
    """The ids of all rules of an IR in the order of a plan."""
    ids = sorted(rule.id for rule in ir.rules)
    if selector is Selector.WEIGHTED:
        ids.sort(key=lambda rule_id: weights.get(rule_id, DEFAULT_COST))
    return tuple(ids)


def activating_predicates(ir: PolicyIR) -> dict[str, tuple[str, ...]]:
    """For each rule that an activation mentions, the predicates that switch it on, in order.

    Raises:
        InvalidInput: An activation names a rule or predicate that the IR does not have.
    """
    predicates, rules = {p.id for p in ir.predicates}, {r.id for r in ir.rules}
    switches: dict[str, tuple[str, ...]] = {}
    for activation in sorted(ir.activations, key=lambda a: a.when):
        if activation.when not in predicates or not rules.issuperset(activation.rules):
            raise InvalidInput(
                "decision.bad_activation",
                f"An activation of {ir.policy_id} names a rule or predicate that is not there",
                "Check the policy with capctl policy lint.",
            )
        for rule in activation.rules:
            switches[rule] = (*switches.get(rule, ()), activation.when)
    return switches


def _is_cost(cost: object) -> bool:
    return isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost <= MAX_SAFE_INTEGER


def _listing(ids: Sequence[str]) -> str:
    return ", ".join(ids[:10]) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
