"""Static types: what fits together, and what an author is told when it does not."""

from __future__ import annotations

import pytest
from hypothesis import given

from engine.policy import parse_expression
from engine.policy.operators import OPERATORS
from engine.policy.types import ANY, SCALARS, Type, infer
from tests.unit.policy.strategies import EXPRESSIONS

INPUTS = {
    "n": SCALARS["number"],
    "s": SCALARS["string"],
    "h": SCALARS["hash"],
    "r": SCALARS["root"],
    "x": SCALARS["bool"],
    "d": SCALARS["date"],
    "t": SCALARS["duration"],
    "numbers": Type("list", SCALARS["number"]),
    "dates": Type("list", SCALARS["date"]),
    "hashes": Type("list", SCALARS["hash"]),
    "strings": Type("list", SCALARS["string"]),
}


def _type_of(text: str) -> tuple[str, list[str]]:
    problems: list[str] = []
    kind = infer(parse_expression(text), INPUTS, lambda _, message: problems.append(message))
    return str(kind), problems


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("n", "number"),
        ("0.5", "number"),
        ("true", "bool"),
        ("dates", "list of date"),
        ('["a"]', "list of string"),
        ("[]", "list of any"),
        ("now()", "date"),
        ("len(hashes)", "number"),
        ("max(dates)", "date"),
        ("min(n, 5)", "number"),
        ("sum(numbers)", "number"),
        ("now() - max(dates)", "duration"),
        ("now() - P1D", "date"),
        ("P1D + d", "date"),
        ("P1D + t", "duration"),
        ("abs(d - now())", "duration"),
        ("mul(n, 0.5)", "number"),
        ("h == s", "bool"),
        ("hashes == strings", "bool"),
        ("n > 1 and not x", "bool"),
        ("unknown + 1", "any"),
        ("max(unknown)", "any"),
        ("unknown == n", "bool"),
    ],
)
def test_types_that_fit(text, kind):
    """A well-typed expression has its type, and nothing is said about it."""
    assert _type_of(text) == (kind, [])


@pytest.mark.parametrize(
    "text",
    [
        "n == s",
        "d > n",
        "s < s",
        "x < x",
        "dates > d",
        "len(s)",
        "len(n)",
        "max(n)",
        "max(strings)",
        "max(n, d)",
        "sum(dates)",
        "d + d",
        "P1D - d",
        "n + true",
        "mul(t, 2)",
        "abs(s)",
        "n and x",
        "not n",
        '["a", 1]',
        "len(n) + len(hashes)",
    ],
)
def test_types_that_do_not_fit(text):
    """One mistake, one message."""
    assert len(_type_of(text)[1]) == 1


@given(EXPRESSIONS)
def test_every_expression_has_a_type(expression):
    """Whatever is combined, inference answers."""
    assert isinstance(infer(expression, INPUTS, lambda _, __: None), Type)


@pytest.mark.parametrize(
    ("op", "lhs", "rhs"),
    [
        ("non_membership", "hashes", "r"),
        ("non_membership", "h", "hashes"),
        ("non_intersection", "strings", "r"),
        ("non_intersection", "numbers", "[1, 2]"),
        ("eq", "x", "true"),
        ("in", "n", "[1, 2]"),
        ("in", "s", "r"),
        ("range_min", "dates", "now() - P1D"),
        ("range_max", "t", "P1D"),
        ("threshold", "len(hashes)", "1"),
    ],
)
def test_operands_that_fit(op, lhs, rhs):
    """Every operator takes what docs/policy-language.md says."""
    kinds = [infer(parse_expression(side), INPUTS, lambda _, __: None) for side in (lhs, rhs)]
    assert OPERATORS[op][1](*kinds) == ""


@pytest.mark.parametrize(
    ("op", "lhs", "rhs"),
    [
        ("non_membership", "numbers", "r"),
        ("non_membership", "hashes", "n"),
        ("non_membership", "hashes", "dates"),
        ("non_intersection", "s", "r"),
        ("non_intersection", "strings", "s"),
        ("non_intersection", "numbers", "strings"),
        ("eq", "x", "1"),
        ("in", "strings", "r"),
        ("in", "n", "r"),
        ("in", "n", "5"),
        ("range_min", "dates", "P1D"),
        ("range_max", "s", "s"),
        ("range_max", "x", "true"),
        ("threshold", "t", "P1D"),
        ("threshold", "numbers", "1"),
    ],
)
def test_operands_that_do_not_fit(op, lhs, rhs):
    """Every operator says what is wrong with what it cannot take."""
    kinds = [infer(parse_expression(side), INPUTS, lambda _, __: None) for side in (lhs, rhs)]
    assert OPERATORS[op][1](*kinds)


@pytest.mark.parametrize("op", OPERATORS)
def test_what_is_unknown_fits_everywhere(op):
    """After a mistake elsewhere, an operator does not add one of its own."""
    assert OPERATORS[op][1](ANY, ANY) == ""
