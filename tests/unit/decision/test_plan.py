"""Plans: which rules are active, why, in which order, and the same bytes each time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.canonical import canonical_json
from engine.decision import Decider, Selector
from engine.errors import InvalidInput
from engine.ids import hash_json
from tests.unit.decision.policies import AUDIT_AGE, NOW, REGIONS, SALT, SANCTIONS, SETS, TIER, context, policy

IR = policy(
    SANCTIONS,
    REGIONS,
    AUDIT_AGE,
    TIER,
    predicates={"P1": "tier >= 2", "P2": "channel", "P3": "headcount > 5"},
    when={"P1": ("R2", "R3"), "P2": ("R3",), "P3": ("R4",)},
)


def plan(**options):
    return Decider(IR, SETS, salt=SALT, **options).plan(context(), NOW)


def test_plan_says_which_rules_are_active_and_why():
    """Always, or because of predicates; one that cannot be evaluated activates, and says why it cannot."""
    document = plan().to_json()
    assert document["active"] == [
        {"id": "R1", "because": "always"},
        {"id": "R3", "because": ["P2"]},
        {"id": "R4", "because": ["P3"]},
    ]
    assert document["inactive"] == ["R2"]
    assert document["predicates"] == [
        {"id": "P1", "value": False},
        {"id": "P2", "value": True},
        {"id": "P3", "value": None, "reason": "missing_input"},
    ]


def test_plan_is_identical_in_every_run():
    """Two runs over the same input give the same bytes, and the hash is that of the rest."""
    document = plan().to_json()
    assert canonical_json(document) == canonical_json(plan().to_json())
    without_hash = {name: value for name, value in document.items() if name != "plan_hash"}
    assert document["plan_hash"] == hash_json(without_hash)
    assert document["at"] == "2026-06-01T12:00:00Z"


def test_weighted_plan_goes_by_cost_then_id():
    """What is cheap comes first; equal costs go by id; what has no weight costs 1."""
    document = plan(selector="weighted", weights={"R1": 5, "R4": 0.5}).to_json()
    assert [(rule["id"], rule["cost"]) for rule in document["active"]] == [("R4", 0.5), ("R3", 1), ("R1", 5)]


def test_violations_are_listed_in_the_order_of_the_plan():
    """What the plan looks at first is named first."""
    decider = Decider(IR, SETS, salt=SALT, selector=Selector.WEIGHTED, weights={"R1": 5})
    bad = context(supplier_hashes=["bad-1"], audit_dates=["2020-01-01"])
    outcome = decider.decide(bad, at=NOW, enforce=True, basis_points=0).shadow
    assert [violation.rule_id for violation in outcome.violations] == ["R3", "R1"]


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True, "2", None])
def test_impossible_weight_is_refused_by_name(cost):
    """A weight is a finite number of 0 or more, and the message says which one is not."""
    with pytest.raises(InvalidInput, match="R2"):
        plan(selector="weighted", weights={"R1": 1, "R2": cost})


def test_weight_for_an_unknown_rule_is_refused_by_name():
    """A typing mistake in a weights file does not pass silently."""
    with pytest.raises(InvalidInput, match="R9"):
        plan(selector="weighted", weights={"R9": 1})


def test_unknown_selector_is_refused():
    """There are two selectors, and the message names them."""
    with pytest.raises(InvalidInput) as refusal:
        plan(selector="random")
    assert "basic or weighted" in refusal.value.hint


def test_circle_of_predicates_is_refused():
    """Predicates that wait for each other never come to an answer, so such an IR is none."""
    circular = policy(SANCTIONS, predicates={"P1": "not P2", "P2": "not P1"}, when={"P1": ("R1",)})
    with pytest.raises(InvalidInput, match="circle"):
        Decider(circular, SETS, salt=SALT)


def test_activation_of_something_unknown_is_refused():
    """A rule that is not there cannot be switched on."""
    with pytest.raises(InvalidInput, match="activation"):
        Decider(policy(SANCTIONS, predicates={"P1": "channel"}, when={"P1": ("R9",)}), SETS, salt=SALT)


@pytest.mark.parametrize("tier", [1, 2, "not a number"])
def test_the_hash_alone_is_that_of_the_plan(tier):
    """Whatever the predicates answer and whenever: made the short way, the hash is the plan's."""
    decider = Decider(IR, SETS, salt=SALT)
    for seconds in (0, 1, 1.5):
        at = NOW + timedelta(seconds=seconds)
        ctx = context(variables={"tier": tier, "channel": tier == 1})
        assert decider.plan_hash(ctx, at) == decider.plan(ctx, at).plan_hash
