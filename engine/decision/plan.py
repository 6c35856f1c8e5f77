"""The adaptive plan: which rules are active for a context, in which order, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Final

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.decision.select import DEFAULT_COST, Selector, activating_predicates
from engine.decision.values import Unusable
from engine.ids import hash_bytes, hash_json
from engine.policy.ir import PolicyIR

PLAN_VERSION: Final = "1.0"

MAX_FRAMES: Final = 256
"""Answers of a policy's predicates that are remembered; eight predicates have no more."""

ALWAYS: Final = "always"
"""Why a rule is active that no activation mentions."""


@dataclass(frozen=True, slots=True)
class PlannedRule:
    """A rule of a plan."""

    id: str
    because: tuple[str, ...]
    """The predicates that switched it on; empty when it is always active."""
    cost: float | None
    """What it was ordered by; None with the selector `basic`."""


@dataclass(frozen=True, slots=True)
class PredicateValue:
    """What a predicate said of the context."""

    id: str
    value: bool | None
    reason: str | None
    """Why there is no value. The rules of such a predicate are active, and the outcome is FAIL."""


@dataclass(frozen=True)
class Plan:
    """A plan as data; two runs over the same input give the same bytes."""

    policy_id: str
    policy_hash: str
    ir_hash: str
    selector: Selector
    at: datetime
    active: tuple[PlannedRule, ...]
    """In the order of evaluation."""
    inactive: tuple[str, ...]
    """Rule ids, sorted."""
    predicates: tuple[PredicateValue, ...]
    """Sorted by id."""

    @cached_property
    def plan_hash(self) -> str:
        """`sha3-256:...` over the canonical plan without this field."""
        return hash_json(self.body())

    def to_json(self) -> dict[str, Any]:
        """The plan document as JSON data."""
        return {**self.body(), "plan_hash": self.plan_hash}

    def body(self) -> dict[str, Any]:
        """The plan document without its hash."""
        return {
            "plan_version": PLAN_VERSION,
            "policy_id": self.policy_id,
            "policy_hash": self.policy_hash,
            "ir_hash": self.ir_hash,
            "selector": self.selector.value,
            "at": to_rfc3339(self.at),
            "active": [_rule_json(rule) for rule in self.active],
            "inactive": list(self.inactive),
            "predicates": [_predicate_json(predicate) for predicate in self.predicates],
        }


def make_plan(
    ir: PolicyIR,
    values: Sequence[bool | Unusable],
    *,
    selector: Selector,
    weights: Mapping[str, float],
    order: Sequence[str],
    at: datetime,
) -> Plan:
    """The plan that follows from the predicates' values.

    Args:
        ir: The policy.
        values: A value for each predicate, in the order of the IR.
        selector: How `order` was made.
        weights: Costs by rule id.
        order: Every rule id, in the plan's order.
        at: The evaluation time.
    """
    holds = {p.id: value is not False for p, value in zip(ir.predicates, values, strict=True)}
    switches = activating_predicates(ir)
    active, inactive = [], []
    for id in order:
        because = tuple(p for p in switches.get(id, ()) if holds[p])
        if because or id not in switches:
            cost = weights.get(id, DEFAULT_COST) if selector is Selector.WEIGHTED else None
            active.append(PlannedRule(id, because, cost))
        else:
            inactive.append(id)
    predicates = sorted((_predicate(p.id, value) for p, value in zip(ir.predicates, values, strict=True)), key=_id)
    return Plan(
        ir.policy_id,
        ir.policy_hash,
        ir.ir_hash,
        selector,
        at,
        tuple(active),
        tuple(sorted(inactive)),
        tuple(predicates),
    )


class PlanHashes:
    """Hashes of the plans of one policy, for whoever needs nothing else of a plan.

    Two plans with the same answers of the predicates differ in their time alone, so the rest is written once.

    Args:
        make: Makes the plan that follows from the predicates' values, at a time.
    """

    def __init__(self, make: Callable[[Sequence[bool | Unusable], datetime], Plan]) -> None:
        self._make = make
        self._frame = lru_cache(maxsize=MAX_FRAMES)(self._written)

    def hash(self, values: Sequence[bool | Unusable], at: datetime) -> str:
        """The `plan_hash` of the plan."""
        head, tail = self._frame(tuple(values))
        return hash_bytes(b"%b%b%b" % (head, to_rfc3339(at).encode(), tail))

    def _written(self, values: tuple[bool | Unusable, ...]) -> tuple[bytes, bytes]:
        """What stands before and behind the time in the canonical plan."""
        moment = datetime(1, 1, 1, tzinfo=UTC)
        plan = canonical_json(self._make(values, moment).body())
        head, _, tail = plan.partition(b'"at":"%b"' % to_rfc3339(moment).encode())
        return head + b'"at":"', b'"' + tail


def _predicate(id: str, value: bool | Unusable) -> PredicateValue:
    return PredicateValue(id, None, value.reason) if isinstance(value, Unusable) else PredicateValue(id, value, None)


def _id(predicate: PredicateValue) -> str:
    return predicate.id


def _rule_json(rule: PlannedRule) -> dict[str, Any]:
    data: dict[str, Any] = {"id": rule.id, "because": list(rule.because) or ALWAYS}
    return data if rule.cost is None else {**data, "cost": rule.cost}


def _predicate_json(predicate: PredicateValue) -> dict[str, Any]:
    data: dict[str, Any] = {"id": predicate.id, "value": predicate.value}
    return data if predicate.reason is None else {**data, "reason": predicate.reason}
