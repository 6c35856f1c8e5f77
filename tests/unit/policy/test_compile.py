"""Compiling: one policy, one IR, in whatever order it was written; and what changed between two."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine.policy import compile_policy, diff_policies, lint, parse_expression
from engine.policy.ir import Activation, PolicyIR
from tests.unit.policy.sources import GOOD, spoilt

DOCUMENT = lint(GOOD.encode(), file="p.yaml").accepted()


def _compiled(source: bytes) -> PolicyIR:
    return compile_policy(lint(source, file="p.yaml").accepted())


@given(st.randoms(use_true_random=False))
def test_order_does_not_count(random):
    """Rules, predicates and activations compile alike in every order; keys, comments and layout change no hash."""
    shuffled = replace(
        DOCUMENT,
        rules=tuple(random.sample(DOCUMENT.rules, len(DOCUMENT.rules))),
        predicates=tuple(random.sample(DOCUMENT.predicates, len(DOCUMENT.predicates))),
    )
    assert compile_policy(shuffled).canonical == compile_policy(DOCUMENT).canonical
    keys = list(DOCUMENT.data)
    random.shuffle(keys)
    source = "# a comment\n" + json.dumps({key: DOCUMENT.data[key] for key in keys}, indent=4)
    assert _compiled(source.encode()).canonical == compile_policy(DOCUMENT).canonical


def test_the_policy_hash_is_over_everything_written():
    """A description is no part of the IR's rules, and still part of the policy that was agreed on."""
    changed = _compiled(spoilt("A policy for tests.", "Another text."))
    assert changed.rules == compile_policy(DOCUMENT).rules
    assert changed.policy_hash != compile_policy(DOCUMENT).policy_hash
    assert changed.ir_hash != compile_policy(DOCUMENT).ir_hash


def test_activations_are_merged_per_predicate():
    """Several predicates in `when` mean any of them; several activations of one predicate are one."""
    source = spoilt(
        "when: high_and_open\n      rules: [R2]",
        "when: [high, high_and_open]\n      rules: [R2]\n    - when: high\n      rules: [R2, R1]",
    )
    assert _compiled(source).activations == (Activation("high", ("R1", "R2")), Activation("high_and_open", ("R2",)))


def test_a_policy_without_adaptivity_has_none():
    """All rules are always active then."""
    ir = _compiled(
        GOOD[: GOOD.index("adaptivity:")].replace("  score: { type: number }\n  open: { type: bool }\n", "").encode()
    )
    assert (ir.predicates, ir.activations) == ((), ())


def test_an_ir_says_nothing_but_what_was_compiled():
    """The IR holds ASTs, with the defaults filled in."""
    [first, second] = compile_policy(DOCUMENT).rules
    assert (first.severity, second.severity) == ("fail", "warn")
    assert second.lhs == parse_expression("now() - max(audit_dates)")


def test_a_policy_does_not_differ_from_itself():
    """No change, no difference, even where layout and description changed."""
    assert diff_policies(compile_policy(DOCUMENT), _compiled(spoilt("A policy for tests.", "Another text."))).same


def test_differences_are_told_field_by_field():
    """What was added, removed and changed, with expressions as people write them."""
    source = GOOD.replace("P365D", "P90D").replace("severity: warn", "severity: fail").replace("id: R1", "id: R0")
    source = source.replace(">= 50", "> 60").replace("when: high_and_open", "when: [high, high_and_open]")
    difference = diff_policies(compile_policy(DOCUMENT), _compiled(source.encode()))
    assert difference.to_json()["changes"] == [
        {"kind": "rule", "id": "R0", "change": "added"},
        {"kind": "rule", "id": "R1", "change": "removed"},
        {"kind": "rule", "id": "R2", "change": "changed", "field": "rhs", "before": "P365D", "after": "P90D"},
        {"kind": "rule", "id": "R2", "change": "changed", "field": "severity", "before": "warn", "after": "fail"},
        {
            "kind": "predicate",
            "id": "high",
            "change": "changed",
            "field": "expr",
            "before": "score >= 50",
            "after": "score > 60",
        },
        {"kind": "activation", "id": "high", "change": "added"},
    ]
    assert not difference.same
