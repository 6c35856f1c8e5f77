"""The verdict pair: what is judged, what counts, and which way it drifts."""

from __future__ import annotations

import pytest

from engine.decision import Decider, Drift, Options, Verdict, Violation, decide
from engine.errors import InvalidInput
from tests.unit.decision.policies import (
    AUDIT_AGE,
    NOW,
    REGIONS,
    SALT,
    SANCTIONS,
    SANCTIONS_ROOT,
    SETS,
    TIER,
    context,
    policy,
    rule,
)

FULL = 10_000


def decider(ir, **options):
    return Decider(ir, SETS, salt=SALT, **options)


def judge(ir, ctx, *, basis_points=FULL, enforce=True, **options):
    return decider(ir, **options).decide(ctx, at=NOW, enforce=enforce, basis_points=basis_points, unit="request")


def test_good_context_is_ok_on_both_sides():
    """Nothing wrong: both verdicts are OK and nothing drifts."""
    decision = judge(policy(SANCTIONS, REGIONS, AUDIT_AGE, TIER), context())
    assert decision.shadow == decision.enforced == (Verdict.OK, (), True)
    assert (decision.drift, decision.preview) == (Drift.NONE, Drift.NONE)


def test_worst_rule_wins_and_all_are_named():
    """A warning beside a failure is still listed, and the verdict is the failure's."""
    decision = judge(policy(SANCTIONS, AUDIT_AGE), context(supplier_hashes=["bad-1"], audit_dates=["2020-01-01"]))
    assert decision.enforced.verdict is Verdict.FAIL
    assert decision.enforced.violations == (Violation("R1", "member_found"), Violation("R3", "above_maximum"))


def test_only_warnings_make_a_warning():
    """Severity `warn` alone never fails."""
    assert judge(policy(AUDIT_AGE), context(audit_dates=["2020-01-01"])).enforced.verdict is Verdict.WARN


def test_warning_rule_that_cannot_be_evaluated_fails():
    """Severity softens a violation, never an unknown."""
    outcome = judge(policy(AUDIT_AGE), context(audit_dates=["soon"])).enforced
    assert outcome == (Verdict.FAIL, (Violation("R3", "bad_date"),), False)


def test_inactive_rule_counts_for_the_baseline_only():
    """The plan leaves out a rule whose predicate does not hold: under-block, if the rule is broken."""
    ir = policy(SANCTIONS, predicates={"P1": "tier >= 2"}, when={"P1": ("R1",)})
    decision = judge(ir, context(supplier_hashes=["bad-1"]))
    assert (decision.shadow.verdict, decision.candidate.verdict) == (Verdict.FAIL, Verdict.OK)
    assert decision.drift is Drift.UNDER_BLOCK
    assert decision.explain() == (Violation("R1", "member_found"),)


def test_rule_is_active_when_any_of_its_predicates_holds():
    """Two predicates switch on one rule; one that holds suffices."""
    ir = policy(SANCTIONS, predicates={"P1": "tier >= 2", "P2": "channel"}, when={"P1": ("R1",), "P2": ("R1",)})
    assert judge(ir, context(supplier_hashes=["bad-1"])).candidate.verdict is Verdict.FAIL


def test_predicate_may_name_another_predicate():
    """A predicate is a name in other predicates, wherever it stands in the order of ids."""
    ir = policy(SANCTIONS, predicates={"P1": "not P2", "P2": "tier >= 2"}, when={"P1": ("R1",)})
    assert judge(ir, context(supplier_hashes=["bad-1"])).candidate.verdict is Verdict.FAIL


def test_predicate_that_cannot_be_evaluated_fails_closed():
    """Its rules are active, and the plan's outcome is a FAIL that names it."""
    ir = policy(SANCTIONS, predicates={"P1": "headcount >= 50"}, when={"P1": ("R1",)})
    decision = judge(ir, context())
    assert decision.candidate == (Verdict.FAIL, (Violation("P1", "missing_input"),), False)
    assert decision.shadow.verdict is Verdict.OK
    assert decision.drift is Drift.UNKNOWN


def test_stricter_candidate_over_blocks():
    """A candidate version that refuses more drifts towards over-block, and names its rule."""
    candidate = policy(rule("R3", "now() - max(audit_dates)", "range_max", "P7D"))
    decision = judge(policy(AUDIT_AGE), context(), candidate=candidate)
    assert decision.drift is Drift.OVER_BLOCK
    assert decision.explain() == (Violation("R3", "above_maximum"),)


def test_difference_on_an_unapplied_request_is_preview():
    """What would have drifted is told apart from what did."""
    candidate = policy(rule("R3", "now() - max(audit_dates)", "range_max", "P7D"))
    decision = judge(policy(AUDIT_AGE), context(), candidate=candidate, basis_points=0)
    assert (decision.drift, decision.preview) == (Drift.NONE, Drift.OVER_BLOCK)
    assert decision.enforced == decision.shadow


def test_equal_verdicts_for_different_reasons_are_no_drift():
    """Two FAILs are one verdict, even when one side could not be evaluated."""
    candidate = policy(rule("R1", "no_such_input", "eq", "1"))
    decision = judge(policy(SANCTIONS), context(supplier_hashes=["bad-1"]), candidate=candidate)
    assert decision.drift is Drift.NONE


@pytest.mark.parametrize(
    ("enforce", "basis_points", "applied"), [(False, FULL, False), (True, 0, False), (True, FULL, True)]
)
def test_enforcing_takes_both_the_switch_and_the_share(enforce, basis_points, applied):
    """A full rollout that is switched off takes nothing."""
    assert judge(policy(SANCTIONS), context(), enforce=enforce, basis_points=basis_points).applied is applied


def test_unit_is_the_context_hash_unless_the_server_says_otherwise():
    """The bucket of a context does not depend on who sends it or when."""
    d = decider(policy(SANCTIONS))
    first = d.decide(context(), at=NOW, enforce=True, basis_points=5_000)
    assert first == d.decide(context(), at=NOW, enforce=True, basis_points=5_000)
    assert first.bucket != d.decide(context(ubo_hashes=[]), at=NOW, enforce=True, basis_points=5_000).bucket


def test_decider_keeps_the_lists_it_was_made_with():
    """A list that is taken away meanwhile changes nothing under a running decision."""
    sets = dict(SETS)
    d = Decider(policy(SANCTIONS), sets, salt=SALT)
    del sets[SANCTIONS_ROOT]
    assert d.decide(context(), at=NOW, enforce=True, basis_points=0).shadow.verdict is Verdict.OK


def test_self_agrees_unless_the_moment_decides():
    """The baseline agrees with itself, but for what hangs on the very moment."""
    d = decider(policy(AUDIT_AGE))
    assert d.self_agrees(context(), NOW)
    assert not d.self_agrees(context(), NOW, again_at=NOW.replace(year=2028))


def test_decide_takes_unverified_data():
    """The one-shot form checks the context and says where it is wrong."""
    options = Options(at=NOW, enforce=True, rollout_percent=100, reference_sets=SETS)
    assert decide(policy(SANCTIONS), context(), options).applied
    with pytest.raises(InvalidInput, match="/audit_dates/1 is not a string"):
        decide(policy(SANCTIONS), context(audit_dates=["2026-01-01", 7]), options)


@pytest.mark.parametrize("percent", [101, -1, float("nan"), float("inf"), True, "25", None, 0.001])
def test_options_refuse_impossible_percentages(percent):
    """A percentage that is none never becomes one by rounding."""
    with pytest.raises(InvalidInput, match="rollout percentage"):
        Options(at=NOW, rollout_percent=percent)


@pytest.mark.parametrize("ratio", [1.5, -0.1, float("nan"), False, "0.005"])
def test_options_refuse_impossible_limits(ratio):
    """A drift limit is a share."""
    with pytest.raises(InvalidInput, match="drift limit"):
        Options(at=NOW, drift_max_ratio=ratio)


def test_options_refuse_a_time_without_a_zone():
    """A time whose zone must be guessed is refused."""
    with pytest.raises(InvalidInput, match="zone"):
        Options(at=NOW.replace(tzinfo=None))
