"""The compiled evaluation says exactly what a slow, obviously correct interpreter says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decision.compile import compile_ir
from engine.decision.reasons import EVALUATION_ERROR
from tests.unit.decision import oracle
from tests.unit.decision.policies import NOW, SETS
from tests.unit.decision.strategies import contexts, policies


def compare(ir, given_contexts, order):
    fast, careful = (compile_ir(ir, SETS, order, with_shortcuts=choice) for choice in (True, False))
    for context in given_contexts:
        expected = oracle.judge(ir, context, SETS, NOW, order)
        assert fast.evaluate(context, NOW) == careful.evaluate(context, NOW) == expected
        assert EVALUATION_ERROR not in [violation.reason for side in expected for violation in side.violations]
        # Once more: dates that the first reading left in the cache change nothing.
        assert fast.evaluate(context, NOW) == expected
        values = [getattr(value, "reason", value) for value in fast.predicates(context, NOW)]
        assert values == [oracle.predicate_value(ir, p.id, context, NOW) for p in ir.predicates]


def policies_and_contexts():
    return policies(), st.lists(contexts(), min_size=1, max_size=4), st.randoms(use_true_random=False)


@settings(deadline=None, max_examples=200)
@given(*policies_and_contexts())
def test_compiled_equals_interpreted(ir, given_contexts, random):
    """Random policies over random contexts, hostile ones too, with and without shortcuts, in any order of rules."""
    compare(ir, given_contexts, random.sample([rule.id for rule in ir.rules], len(ir.rules)))


@pytest.mark.slow
@settings(deadline=None, max_examples=5_000)
@given(*policies_and_contexts())
def test_compiled_equals_interpreted_many_times(ir, given_contexts, random):
    """The same, for longer than anybody wants to wait for."""
    compare(ir, given_contexts, random.sample([rule.id for rule in ir.rules], len(ir.rules)))
