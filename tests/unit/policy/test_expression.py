"""The expression language: what its texts mean, and where it says they go wrong."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy import ExpressionError, format_expression, parse_expression
from engine.policy.ast import MAX_DEPTH, check_ast, children, variables, walk
from engine.policy.expression import parse_with_offsets
from engine.policy.lexer import MAX_TEXT
from tests.unit.policy.strategies import EXPRESSIONS

A, B, C = {"var": "a"}, {"var": "b"}, {"var": "c"}


@pytest.mark.parametrize(
    ("text", "ast"),
    [
        ("50", {"const": 50}),
        ("-50", {"const": -50}),
        ("0.350", {"decimal": "0.35"}),
        ("-0.5", {"decimal": "-0.5"}),
        ("2.0", {"const": 2}),
        ("true", {"const": True}),
        ('"DE"', {"const": "DE"}),
        ("'D\"E'", {"const": 'D"E'}),
        (r'"\u0041\n"', {"const": "A\n"}),
        ("2026-01-31", {"date": "2026-01-31"}),
        ("2026-01-31T12:00:00+02:00", {"date": "2026-01-31T12:00:00+02:00"}),
        ("P365D", {"duration": "P365D"}),
        ("PT12H", {"duration": "PT12H"}),
        ("P1", {"var": "P1"}),
        ("supplier_hashes", {"var": "supplier_hashes"}),
        ("[]", {"list": []}),
        ('["DE", -1, P1D]', {"list": [{"const": "DE"}, {"const": -1}, {"duration": "P1D"}]}),
        ("now()", {"func": "now", "args": []}),
        ("max(a, b)", {"func": "max", "args": [A, B]}),
        ("a - b - c", {"func": "sub", "args": [{"func": "sub", "args": [A, B]}, C]}),
        ("a - (b - c)", {"func": "sub", "args": [A, {"func": "sub", "args": [B, C]}]}),
        ("a - -1", {"func": "sub", "args": [A, {"const": -1}]}),
        ("a -1", {"func": "sub", "args": [A, {"const": 1}]}),
        ("2026-01-31-P1D", {"func": "sub", "args": [{"date": "2026-01-31"}, {"duration": "P1D"}]}),
        ("a + 1 <= b", {"cmp": "<=", "args": [{"func": "add", "args": [A, {"const": 1}]}, B]}),
        ("a and b and c", {"and": [A, B, C]}),
        ("(a and b) and c", {"and": [{"and": [A, B]}, C]}),
        ("a or b and c", {"or": [A, {"and": [B, C]}]}),
        ("a and b or b and c or c", {"or": [{"and": [A, B]}, {"and": [B, C]}, C]}),
        ("not a == b", {"not": {"cmp": "==", "args": [A, B]}}),
        ("not a and b", {"and": [{"not": A}, B]}),
        ("a == (not b)", {"cmp": "==", "args": [A, {"not": B}]}),
        ("  a\n<\tb ", {"cmp": "<", "args": [A, B]}),
    ],
)
def test_what_texts_mean(text, ast):
    """Every construct has one AST; precedence is or, and, not, comparison, plus and minus."""
    assert parse_expression(text) == ast


@pytest.mark.parametrize(
    ("text", "finding", "offset"),
    [
        ("", "E3001", 0),
        ("a +", "E3001", 3),
        ("a b", "E3001", 2),
        ("(a", "E3001", 2),
        ("a)", "E3001", 1),
        ("[1, 2", "E3001", 5),
        ("max(a,", "E3001", 6),
        ("a = b", "E3001", 2),
        ("a && b", "E3001", 2),
        ("a * b", "E3001", 2),
        ("a.b", "E3001", 1),
        ('"abc', "E3001", 0),
        (r'"\q"', "E3001", 0),
        ('"a\nb"', "E3001", 0),
        ("“DE”", "E3001", 0),
        ("a < b < c", "E3001", 6),
        ("a == not b", "E3001", 5),
        ("-a", "E3001", 0),
        ("a and", "E3001", 5),
        ("1 + foo(a)", "E3002", 4),
        ("a and len()", "E3003", 6),
        ("now(a)", "E3003", 0),
        ("a == 012", "E3005", 5),
        ("a == 1e5", "E3005", 5),
        ("a == 12abc", "E3005", 5),
        ("a == 1.2.3", "E3005", 5),
        ("a < 9007199254740992", "E3005", 4),
        ("a < 0.1234567890123456", "E3005", 4),
        ("a < 2026-02-30", "E3005", 4),
        ("a < 2026-01-31T12:00:00", "E3005", 4),
        ("a < P1Y", "E3005", 4),
        ("a < PT", "E3005", 4),
        ("a < P400000D", "E3005", 4),
        ("a < P1W2D", "E3005", 4),
        (f'"{"x" * 257}"', "E3005", 0),
        ("a" * (MAX_TEXT + 1), "E3006", 0),
        ("(" * 1000, "E3006", 64),
        ("not " * 1000 + "a", "E3006", 256),
        ("a" + "+a" * 1000, "E3006", 0),
        ("a == [b]", "E3007", 6),
        ("x" * 65 + " == 1", "E3007", 0),
    ],
)
def test_where_a_wrong_text_goes_wrong(text, finding, offset):
    """An error names the character at which reading stopped, and what to write instead."""
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert (caught.value.finding, caught.value.offset) == (finding, offset)
    assert caught.value.message


@given(EXPRESSIONS)
def test_text_and_ast_say_the_same(ast):
    """Writing an expression as text and reading it again gives the same expression."""
    assert parse_expression(format_expression(ast)) == ast


@given(EXPRESSIONS)
def test_every_part_knows_its_place(ast):
    """The text at a variable's offset is the variable: findings can point at it."""
    text = format_expression(ast)
    parsed = parse_with_offsets(text)
    for node in walk(parsed.ast):
        if "var" in node:
            offset = parsed.offset(node)
            assert text[offset:].startswith(node["var"])


@given(st.text() | st.text("()[],+-<>=! 0123456789.PTDaN\"'ornd"))
def test_no_text_is_a_surprise(text):
    """Whatever is written, the answer is an expression or an error with an offset inside the text."""
    offset, ast = 0, None
    try:
        ast = parse_expression(text)
    except ExpressionError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)
    assert ast is None or check_ast(ast) is ast


@pytest.mark.parametrize(
    ("data", "finding", "path"),
    [
        (None, "E3007", ()),
        ([], "E3007", ()),
        ({}, "E3007", ()),
        ({"var": "a", "const": 1}, "E3007", ()),
        ({"var": 1}, "E3007", ("var",)),
        ({"var": "a b"}, "E3007", ("var",)),
        ({"const": 1.5}, "E3005", ("const",)),
        ({"const": None}, "E3005", ("const",)),
        ({"const": 2**53}, "E3005", ("const",)),
        ({"const": "\ud800"}, "E3005", ("const",)),
        ({"decimal": 0.5}, "E3005", ("decimal",)),
        ({"decimal": "0.50"}, "E3005", ("decimal",)),
        ({"decimal": "1e5"}, "E3005", ("decimal",)),
        ({"date": "2026-W05-1"}, "E3005", ("date",)),
        ({"date": 20260131}, "E3005", ("date",)),
        ({"duration": "P1M"}, "E3005", ("duration",)),
        ({"list": [{"var": "a"}]}, "E3007", ("list", 0)),
        ({"list": {"const": 1}}, "E3007", ("list",)),
        ({"func": "eval", "args": []}, "E3002", ()),
        ({"func": ["len"], "args": []}, "E3002", ()),
        ({"func": "len", "args": "x"}, "E3007", ("args",)),
        ({"func": "max", "args": [{"const": 1}] * 17}, "E3003", ()),
        ({"cmp": "=", "args": [A, B]}, "E3007", ("cmp",)),
        ({"cmp": ["<"], "args": [A, B]}, "E3007", ("cmp",)),
        ({"cmp": "<", "args": [A]}, "E3003", ()),
        ({"and": [A]}, "E3003", ()),
        ({"or": [A, {"not": 1}]}, "E3007", ("or", 1, "not")),
    ],
)
def test_data_that_is_no_expression(data, finding, path):
    """An AST from outside is refused with the path to its wrong part."""
    with pytest.raises(ExpressionError) as caught:
        check_ast(data)
    assert (caught.value.finding, caught.value.path) == (finding, path)


def test_depth_is_bounded():
    """An expression as deep as allowed is read, one level more is not."""
    deepest = A
    for _ in range(MAX_DEPTH - 1):
        deepest = {"not": deepest}
    assert check_ast(deepest) is deepest
    with pytest.raises(ExpressionError, match="deeper"):
        check_ast({"not": deepest})


def test_walking_visits_every_part_once_in_order():
    """Analyses see parents before children, left before right."""
    ast = parse_expression("len(a) > 1 and not (b or c)")
    assert [node["var"] for node in walk(ast) if "var" in node] == ["a", "b", "c"]
    assert variables(ast) == {"a", "b", "c"}
    assert list(children({"not": A})) == [A]


def test_an_error_survives_a_process_boundary():
    """Replay runs in a pool: an expression error arrives there as it was raised."""
    with pytest.raises(ExpressionError) as caught:
        parse_expression("a + foo()")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.finding, again.offset, again.message) == ("E3002", 4, caught.value.message)
