"""What nobody foresaw is a FAIL with a reason, and a policy's text never becomes code."""

from __future__ import annotations

import pytest

from engine.decision import Decider, Verdict, Violation
from engine.decision.compile import compile_ir
from engine.errors import InvalidInput
from engine.policy.ir import PolicyIR, Rule
from tests.unit.decision.policies import NOW, SALT, SANCTIONS, SANCTIONS_ROOT, SETS, TIER, context, policy


class BrokenSet(frozenset):
    """A reference set whose storage has gone."""

    def isdisjoint(self, other):
        raise OSError("/var/lib/secret-path is gone")

    intersection = isdisjoint


def test_unexpected_exception_is_a_fail_without_its_text():
    """The broken rule fails, the others are still judged, and nothing of the exception shows."""
    decider = Decider(policy(SANCTIONS, TIER), {SANCTIONS_ROOT: BrokenSet()}, salt=SALT)
    outcome = decider.decide(context(), at=NOW, enforce=True, basis_points=0).shadow
    assert outcome == (Verdict.FAIL, (Violation("R1", "evaluation_error"),), False)


@pytest.mark.parametrize("thing", [None, [], "context", 7, {"variables": []}, {"supplier_hashes": {"s-1": 1}}])
def test_something_that_is_no_context_fails(thing):
    """Whoever skips the check of the context gets a FAIL, not an exception and not a pass."""
    decider = Decider(policy(SANCTIONS, TIER), SETS, salt=SALT)
    outcome = decider.decide(thing, at=NOW, enforce=True, basis_points=0, unit="request").shadow
    assert (outcome.verdict, outcome.evaluated) == (Verdict.FAIL, False)


def test_text_of_a_policy_never_becomes_source():
    """Names and constants reach the generated code as values; their text is nowhere in it."""
    hostile = "'); __import__('os').abort() #"
    rule = Rule(hostile, "eq", {"var": "boom"}, {"const": hostile}, "fail")
    ir = PolicyIR(hostile, "sha3-256:" + "00" * 32, (rule,))
    evaluator = compile_ir(ir, SETS, [hostile])
    assert "abort" not in evaluator.source
    assert "boom" not in evaluator.source
    assert evaluator.evaluate({"variables": {"boom": hostile}}, NOW)[0].verdict is Verdict.OK


@pytest.mark.parametrize(
    "rule",
    [
        Rule("R1", "matches", {"var": "a"}, {"const": 1}, "fail"),
        Rule("R1", "eq", {"var": "a"}, {"const": 1}, "info"),
        Rule("R1", "eq", {"python": "1"}, {"const": 1}, "fail"),
        Rule("R1", "eq", {"func": "eval", "args": []}, {"const": 1}, "fail"),
    ],
)
def test_ir_that_no_compiler_wrote_is_refused(rule):
    """A rule that cannot be understood stops the policy from being loaded, rather than being left out."""
    with pytest.raises(InvalidInput):
        Decider(PolicyIR("test.v1", "sha3-256:" + "00" * 32, (rule,)), SETS, salt=SALT)
