"""What capctl ships: policies that are without fault, decide as they say, and never change by themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from engine.decision import Decider, Drift, check_context
from engine.policies import shipped, shipped_examples, shipped_lists
from engine.policy import diff_policies, lint, parse_reference_list, read_ir
from tests.unit.policy.regenerate_golden import GOLDEN, compiled, hashes

AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
LISTS = [parse_reference_list(data) for data in shipped_lists().values()]
SETS = {reference_list.root: reference_list.members for reference_list in LISTS}
EXAMPLES = [(policy_id, name) for policy_id in shipped() for name in shipped_examples(policy_id)]


def _decide(policy_id: str, name: str, candidate: str | None = None):
    decider = Decider(compiled(policy_id), SETS, salt=b"salt", candidate=compiled(candidate) if candidate else None)
    context = check_context(json.loads(shipped_examples(policy_id)[name]))
    return decider.decide(context, at=AT, enforce=True, basis_points=10_000)


@pytest.mark.parametrize("policy_id", shipped())
def test_a_shipped_policy_has_no_findings(policy_id):
    """Not even a warning: they are what others copy."""
    report = lint(shipped()[policy_id], file=f"{policy_id}.yaml")
    assert report.findings == ()
    assert report.accepted().policy_id == policy_id
    assert report.accepted().legal_basis


@pytest.mark.parametrize("policy_id", shipped())
def test_the_ir_of_a_shipped_policy_never_changes(policy_id):
    """Same policy, same bytes, on every machine, forever."""
    golden = (GOLDEN / f"{policy_id}.json").read_bytes()
    assert compiled(policy_id).canonical == golden
    assert read_ir(golden) == compiled(policy_id)


def test_the_hashes_never_change():
    """Neither do the hashes of the documents, nor the roots of the lists."""
    assert hashes() == json.loads((GOLDEN / "hashes.json").read_text("utf-8"))


def test_nothing_golden_is_left_over():
    """Every golden file belongs to a policy that is shipped."""
    assert {path.stem for path in GOLDEN.iterdir()} == {*shipped(), "hashes"}


@pytest.mark.parametrize(("policy_id", "name"), EXAMPLES)
def test_an_example_gets_the_verdict_it_is_named_for(policy_id, name):
    """Examples pass, warn and fail as their names say, and the adaptive plan agrees with the whole policy."""
    decision = _decide(policy_id, name)
    assert decision.shadow.verdict.label == name.partition("_")[0]
    assert decision.drift is Drift.NONE


@pytest.mark.parametrize("policy_id", shipped())
def test_every_policy_has_examples_of_every_verdict(policy_id):
    """An author sees what passes, what warns and what fails."""
    assert {name.partition("_")[0] for name in shipped_examples(policy_id)} == {"ok", "warn", "fail"}


def test_the_drifting_candidate_drifts_because_of_two_rules():
    """It tightens two limits and nothing else, and over-blocks a supplier audited last winter."""
    difference = diff_policies(compiled("lksg.v1"), compiled("lksg.v1-drift"))
    assert [(c.id, c.field, c.before, c.after) for c in difference.changes] == [
        ("R04_audit_within_a_year", "rhs", "P365D", "P90D"),
        ("R06_risk_acceptable", "rhs", "80", "70"),
    ]
    decision = _decide("lksg.v1", "ok_audit_last_winter", candidate="lksg.v1-drift")
    assert decision.drift is Drift.OVER_BLOCK
    assert [violation.rule_id for violation in decision.explain()] == ["R04_audit_within_a_year"]


def test_unknown_policies_have_no_examples():
    """Asking for examples of somebody's own policy is no error."""
    assert shipped_examples("own.v1") == {}
