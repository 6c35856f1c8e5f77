"""Expression text to tokens."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engine.policy.ast import ExpressionError
from engine.policy.literals import DURATION_SHAPE

MAX_TEXT: Final = 4_096
"""Longest expression, in characters."""

KEYWORDS: Final = frozenset({"and", "or", "not", "true", "false"})


class Token(NamedTuple):
    """One word of an expression."""

    kind: str
    """`number`, `date`, `duration`, `string`, `name`, `keyword`, `symbol` or `end`."""
    text: str
    offset: int
    """Characters from the start of the expression."""


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    # A date is tried before a number: 2026-01-31 is a day, not a subtraction.
    r"|(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[\w:.+-]*)?(?!\w))"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?![\w.]))"
    r'|(?P<string>"(?:[^"\\]|\\.)*"|\'[^\'\\]*\')'
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<symbol><=|>=|==|!=|[<>()\[\],+-])"
)

_INSTEAD: Final = {
    "=": "Write == for equality.",
    "&": "Write `and`.",
    "|": "Write `or`.",
    "!": "Write `not`, or != between two values.",
    "*": "Write mul(a, b).",
    "/": "There is no division; multiply the other side instead.",
    "%": "Write a share as a number: 0.05.",
    '"': "The text is not closed: it needs a second quotation mark.",
    "'": "The text is not closed, or holds a backslash: use double quotation marks.",
    "“": 'Use straight quotation marks: "DE".',
    "„": 'Use straight quotation marks: "DE".',
    ".": "Write a number with a digit before the point: 0.5. Names have no points.",
}


def tokenize(text: str) -> list[Token]:
    """Cut an expression into tokens; the last one is `end`.

    Raises:
        ExpressionError: A character or number belongs to no token; `offset` says where.
    """
    if len(text) > MAX_TEXT:
        raise ExpressionError(
            "E3006", f"The expression is longer than {MAX_TEXT} characters", "Split it into several rules."
        )
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unexpected(text, position)
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(_kind_of_name(match.group()) if kind == "name" else kind, match.group(), position))
        position = match.end()
    return [*tokens, Token("end", "", len(text))]


def _kind_of_name(word: str) -> str:
    if word in KEYWORDS:
        return "keyword"
    return "duration" if DURATION_SHAPE.fullmatch(word) else "name"


def _unexpected(text: str, offset: int) -> ExpressionError:
    character = text[offset]
    if character.isdigit():
        return ExpressionError(
            "E3005",
            "This number cannot be read",
            "Write digits with at most one point, no exponent and no unit: 0.35, 1000.",
            offset,
        )
    return ExpressionError(
        "E3001",
        f"{character!r} has no meaning in an expression",
        _INSTEAD.get(character, "See docs/policy-language.md for what an expression may hold."),
        offset,
    )
