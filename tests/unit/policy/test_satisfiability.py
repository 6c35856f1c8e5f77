"""Conditions that can never hold are found, and none that can is accused."""

from __future__ import annotations

import operator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy import parse_expression
from engine.policy.satisfiability import can_hold


@pytest.mark.parametrize(
    "text",
    [
        "a > 5 and a < 5",
        "a >= 5 and a < 5",
        "a > 5 and 5 > a",
        "a == 5 and a != 5",
        "a == 0.5 and a > 0.5",
        "not (a > 5 or a <= 5)",
        "a > 5 and not a > 3",
        "(a > 5 or b) and a < 5 and not b",
        "x and not x",
        "x == true and x != true",
        "x != true and x != false",
        "len(l) < 0",
        "len(l) > 3 and len(l) < 4",
        "len(l) == 0.5",
        's == "DE" and s == "FR"',
        's == "DE" and not s == "DE"',
        "d < 2026-01-01 and d > 2026-06-01",
        "d < 2026-01-01T00:00:00Z and d == 2026-01-01",
        "now() - d > P365D and now() - d < P52W",
        "1 > 2",
        '"a" == "b"',
        "false",
        "a < b and b < a",
        "a < b and a == b",
        "a != a",
        "a < a + 0 and a + 0 < a",
        "d < 0001-01-01",
        "p and a < 10",
    ],
)
def test_contradictions_are_found(text):
    """No context satisfies these."""
    assert not can_hold(parse_expression(text), {"p": parse_expression("a > 20")})


@pytest.mark.parametrize(
    "text",
    [
        "a > 5 and a < 6",
        "a >= 5 and a <= 5",
        "a > 5 or a < 5",
        "a > 5 and b < 5",
        "x",
        "not x",
        "len(l) > 3 and len(l) < 5",
        's != "DE" and s != "FR"',
        's == ""',
        "d >= 0001-01-01 and d <= 0001-01-01",
        "d > 9999-12-31",
        "now() - d >= P52W and now() - d <= P364D",
        "a <= b and b <= a",
        "a < b and b < c",
        "p and a < 30",
        "not p",
        " and ".join(f"(a{i} > 1 or b{i} > 1)" for i in range(20)),
    ],
)
def test_what_can_hold_is_left_alone(text):
    """Some context satisfies these, or they are too much to analyse."""
    assert can_hold(parse_expression(text), {"p": parse_expression("a > 20")})


COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

LITERALS = st.one_of(
    st.builds(
        lambda name, cmp, n, flip: {"cmp": cmp, "args": [{"const": n}, {"var": name}][:: -1 if flip else 1]},
        st.sampled_from("ab"),
        st.sampled_from(sorted(COMPARE)),
        st.integers(0, 2),
        st.booleans(),
    ),
    st.builds(
        lambda cmp, names: {"cmp": cmp, "args": [{"var": name} for name in names]},
        st.sampled_from(sorted(COMPARE)),
        st.permutations("ab"),
    ),
    st.booleans().map(lambda value: {"const": value}),
)
CONDITIONS = st.recursive(
    LITERALS,
    lambda inner: st.one_of(
        st.builds(lambda items: {"and": items}, st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda items: {"or": items}, st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda item: {"not": item}, inner),
    ),
    max_leaves=8,
)


def _holds(node, values) -> bool:
    match node:
        case {"and": items}:
            return all(_holds(item, values) for item in items)
        case {"or": items}:
            return any(_holds(item, values) for item in items)
        case {"not": item}:
            return not _holds(item, values)
        case {"const": value}:
            return value
    sides = [values[side["var"]] if "var" in side else side["const"] for side in node["args"]]
    return COMPARE[node["cmp"]](*sides)


@given(CONDITIONS)
def test_a_condition_that_some_context_satisfies_is_never_accused(condition):
    """Trying out all values in and between the constants never contradicts the proof."""
    grid = [-1, 0, 0.3, 0.6, 1, 1.3, 1.6, 2, 3]
    if any(_holds(condition, {"a": a, "b": b}) for a, b in product(grid, grid)):
        assert can_hold(condition, {})


@given(CONDITIONS, CONDITIONS)
def test_predicates_are_seen_through(inner, outer):
    """Moving a part of a condition into a predicate changes nothing."""
    joined = {"and": [inner, outer]}
    assert can_hold({"and": [{"var": "p"}, outer]}, {"p": inner}) == can_hold(joined, {})


def test_long_chains_of_predicates_end():
    """Thousands of predicates referring to each other are given up on, not recursed into."""
    chain = {f"p{i}": {"var": f"p{i + 1}"} for i in range(5_000)}
    assert can_hold({"var": "p0"}, chain)
