"""A verdict for each supplier: records one by one, lists by what belongs to the one."""

from __future__ import annotations

from engine.decision import Decider, Verdict, Violation, check_context
from tests.unit.decision.policies import (
    AUDIT_AGE,
    NOW,
    REGIONS,
    SALT,
    SANCTIONS,
    SETS,
    TIER,
    context,
    policy,
    rule,
)

IR = policy(SANCTIONS, REGIONS, AUDIT_AGE, TIER)


def verdicts(ctx, ir=IR, *, applied=False):
    return Decider(ir, SETS, salt=SALT).supplier_verdicts(check_context(ctx), NOW, applied=applied)


def test_listed_supplier_fails_alone():
    """In a list of suppliers the one on the sanctions list fails, and the others do not for its sake."""
    by_supplier = verdicts(context(supplier_hashes=["s-1", "bad-1", "s-2"]))
    assert list(by_supplier) == ["s-1", "bad-1", "s-2"]
    assert by_supplier["bad-1"] == (Verdict.FAIL, (Violation("R1", "member_found"),), True)
    assert by_supplier["s-1"] == by_supplier["s-2"] == (Verdict.OK, (), True)


def test_what_belongs_to_nobody_counts_for_all():
    """Lists do not say whose audit is old: everybody shares the outcome."""
    by_supplier = verdicts(context(supplier_hashes=["s-1", "bad-1"], audit_dates=["2020-01-01"]))
    assert by_supplier["s-1"] == (Verdict.WARN, (Violation("R3", "above_maximum"),), True)
    assert [v.rule_id for v in by_supplier["bad-1"].violations] == ["R1", "R3"]


def test_unknown_list_fails_every_supplier():
    """Nobody is cleared by a list that is not there."""
    by_supplier = verdicts(context(sanctions_root="sha3-256:" + "0" * 64))
    assert {outcome.verdict for outcome in by_supplier.values()} == {Verdict.FAIL}
    assert {outcome.evaluated for outcome in by_supplier.values()} == {False}


def test_records_are_judged_one_by_one():
    """Each record stands alone over the shared fields; what it lacks it does not take from another."""
    shared = {name: context()[name] for name in ("sanctions_root", "high_risk_root", "variables")}
    good = {"ubo_hashes": [], "supplier_regions": ["DE"], "audit_dates": ["2026-01-01"]}
    records = [
        {"supplier_hash": "s-1", **good},
        {"supplier_hash": "s-2", **good, "supplier_regions": ["XX"]},
        {"supplier_hash": "s-3", "supplier_regions": ["DE"]},
        {"supplier_hash": "s-4", **good, "variables": {"tier": 9}},
    ]
    by_supplier = verdicts({"suppliers": records, **shared})
    assert {hash: [v.reason for v in outcome.violations] for hash, outcome in by_supplier.items()} == {
        "s-1": [],
        "s-2": ["intersection_found"],
        "s-3": ["missing_input"],
        "s-4": ["above_maximum"],
    }


def test_applied_side_is_judged_by_the_plan():
    """Where the rollout took the request, rules that are not active clear nobody and blame nobody."""
    ir = policy(SANCTIONS, predicates={"P1": "tier >= 2"}, when={"P1": ("R1",)})
    bad = context(supplier_hashes=["s-1", "bad-1"])
    assert verdicts(bad, ir, applied=True)["bad-1"].verdict is Verdict.OK
    assert verdicts(bad, ir, applied=False)["bad-1"].verdict is Verdict.FAIL


def test_each_supplier_is_judged_as_if_it_were_alone():
    """Narrowing says what a request with the one supplier would have said, for rules about single suppliers."""
    ir = policy(SANCTIONS, rule("R5", "supplier_hashes", "non_intersection", "ubo_hashes", "warn"))
    suppliers = ["s-1", "bad-1", "u-1", "bad-2"]
    ctx = context(supplier_hashes=suppliers, ubo_hashes=["u-1", "bad-2"])
    decider = Decider(ir, SETS, salt=SALT)
    for supplier, outcome in decider.supplier_verdicts(ctx, NOW, applied=False).items():
        alone = decider.decide(ctx | {"supplier_hashes": [supplier]}, at=NOW, enforce=False, basis_points=0)
        assert outcome == alone.shadow


def test_no_suppliers_no_verdicts():
    """An empty or missing list has nobody to judge."""
    assert verdicts(context(supplier_hashes=[])) == verdicts(context(supplier_hashes=None)) == {}
