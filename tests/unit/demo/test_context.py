"""The demonstration's contexts: clean under the shipped policy, visibly drifting under the shipped candidate."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from engine.decision import Decider, Drift, Verdict, check_context
from engine.demo.context import ContextStream
from engine.demo.seed import DRIFTING_POLICY_ID, POLICY_ID
from engine.ids import merkle_root
from engine.policies.catalog import shipped_policy
from engine.policies.demonstration import demo_context, demo_lists
from engine.policies.suppliers import demo_suppliers

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _decider(candidate: str | None) -> Decider:
    baseline = shipped_policy(POLICY_ID)
    assert baseline is not None
    sets = {merkle_root(members): members for members in demo_lists().values()}
    return Decider(baseline, sets, salt=b"s", candidate=shipped_policy(candidate) if candidate else None)


@pytest.fixture(scope="module")
def contexts() -> list[dict[str, object]]:
    return list(islice(ContextStream(1, AT.date()), 3000))


def test_there_are_fifty_suppliers_nobody_is_behind() -> None:
    suppliers = demo_suppliers()
    assert len({supplier.hash for supplier in suppliers}) == 50
    assert not {supplier.hash for supplier in suppliers} & demo_lists()["sanctions-demo"]


@pytest.mark.parametrize("days", [0, 400, 4000])
def test_the_built_in_context_is_in_good_order_at_any_time(days: int) -> None:
    at = AT + timedelta(days=days)
    decision = _decider(None).decide(check_context(demo_context(at)), at=at, enforce=True, basis_points=10_000)
    assert (decision.enforced.verdict, decision.enforced.evaluated) == (Verdict.OK, True)


def test_the_adaptive_plan_of_the_policy_itself_never_drifts(contexts: list[dict[str, object]]) -> None:
    decider = _decider(None)
    decisions = [decider.decide(check_context(c), at=AT, enforce=True, basis_points=10_000) for c in contexts]
    assert {decision.drift for decision in decisions} == {Drift.NONE}
    assert all(decision.enforced.evaluated for decision in decisions)
    assert {decision.enforced.verdict for decision in decisions} == set(Verdict)


def test_the_candidate_drifts_visibly_because_of_two_rules(contexts: list[dict[str, object]]) -> None:
    decider = _decider(DRIFTING_POLICY_ID)
    decisions = [decider.decide(check_context(c), at=AT, enforce=True, basis_points=10_000) for c in contexts]
    drifting = [decision for decision in decisions if decision.drift is not Drift.NONE]
    assert 0.08 <= len(drifting) / len(decisions) <= 0.15
    assert {decision.drift for decision in drifting} == {Drift.OVER_BLOCK}
    rules = Counter(violation.rule_id for decision in drifting for violation in decision.explain())
    assert rules.keys() == {"R04_audit_within_a_year", "R06_risk_acceptable"}


def test_a_seed_gives_the_same_stream_and_another_seed_another() -> None:
    first, again, other = (list(islice(ContextStream(seed, AT.date()), 20)) for seed in (1, 1, 2))
    assert first == again != other
