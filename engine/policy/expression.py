"""Expression text to JSON AST: a precedence-climbing parser.

From loosest to tightest: `or`, `and`, `not`, comparisons (which do not chain), `+` and `-`. The grammar stands in
`docs/policy-language.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from engine.policy.ast import COMPARISONS, ExpressionError, check_ast, node_at
from engine.policy.ir import Ast
from engine.policy.lexer import Token, tokenize
from engine.policy.literals import canonical_decimal

LEVELS: Final[Mapping[str, int]] = {"or": 1, "and": 2, **dict.fromkeys(COMPARISONS, 4), "+": 5, "-": 5}
"""How tightly a binary operator binds."""

NOT_LEVEL: Final = 3
COMPARISON_LEVEL: Final = 4

MAX_NESTING: Final = 64
"""Most open parentheses, calls and `not`s: bounds the parser's own recursion, well above what an AST may hold."""


class Parsed(NamedTuple):
    """An expression and where its parts stand in its text."""

    ast: Ast
    offsets: Mapping[int, int]
    """Offset in the text of each node, by `id()` of the node."""

    def offset(self, node: Ast) -> int:
        """Characters from the start of the text to a node; 0 where it is not known."""
        return self.offsets.get(id(node), 0)


def parse_expression(text: str) -> Ast:
    """Read an expression such as `now() - max(audit_dates) <= P365D`.

    Returns:
        Its JSON AST (docs/ir.md).

    Raises:
        ExpressionError: It is none; `offset` is the character where reading stopped.
    """
    return parse_with_offsets(text).ast


def parse_with_offsets(text: str) -> Parsed:
    """Like `parse_expression`, with the position of every part."""
    parser = _Parser(tokenize(text))
    ast = parser.whole()
    try:
        check_ast(ast)
    except ExpressionError as error:
        culprit = ast
        for length in range(len(error.path) + 1):
            part = node_at(ast, error.path[:length])
            culprit = part if id(part) in parser.offsets else culprit
        raise ExpressionError(error.finding, error.message, error.hint, parser.offsets[id(culprit)]) from None
    return Parsed(ast, parser.offsets)


class _Parser:
    """One pass over the tokens of one expression."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._nesting = 0
        self.offsets: dict[int, int] = {}

    def whole(self) -> Ast:
        ast = self._expression(1)
        token = self._peek()
        if token.kind != "end":
            raise self._surprise(token, "an operator or the end")
        return ast

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _node(self, offset: int, **members: Any) -> Ast:
        # Keywords of the language are keywords of Python: `and_` stands for `and`.
        node = {key.rstrip("_"): value for key, value in members.items()}
        self.offsets[id(node)] = offset
        return node

    def _expression(self, loosest: int) -> Ast:
        left = self._prefix(loosest)
        chain = ""
        while (level := self._level(self._peek())) >= loosest:
            operator = self._take()
            if level == COMPARISON_LEVEL == self._level_of(chain):
                raise ExpressionError("E3001", "Comparisons do not chain", "Write a < b and b < c.", operator.offset)
            right = self._expression(level + 1)
            left = self._join(left, operator, right, continues=operator.text == chain)
            chain = operator.text
        return left

    def _level(self, token: Token) -> int:
        return self._level_of(token.text) if token.kind in ("symbol", "keyword") else 0

    @staticmethod
    def _level_of(operator: str) -> int:
        return LEVELS.get(operator, 0)

    def _join(self, left: Ast, operator: Token, right: Ast, *, continues: bool) -> Ast:
        start = self.offsets[id(left)]
        match operator.text:
            case "and" | "or" as word:
                operands = [*left[word], right] if continues else [left, right]
                return self._node(start, **{word: operands})
            case "+" | "-" as sign:
                return self._node(start, func="add" if sign == "+" else "sub", args=[left, right])
            case comparison:
                return self._node(start, cmp=comparison, args=[left, right])

    def _prefix(self, loosest: int) -> Ast:
        self._nesting += 1
        token = self._take()
        if self._nesting > MAX_NESTING:
            raise ExpressionError("E3006", "The expression is nested too deeply", "Split it.", token.offset)
        if token.text == "not" and token.kind == "keyword":
            if loosest > NOT_LEVEL:
                raise ExpressionError(
                    "E3001", "`not` binds looser than this operator", "Put it in parentheses: (not x).", token.offset
                )
            node = self._node(token.offset, not_=self._expression(NOT_LEVEL))
        else:
            node = self._primary(token)
        self._nesting -= 1
        return node

    def _primary(self, token: Token) -> Ast:
        match token:
            case ("number", _, offset):
                return self._number(token.text, offset)
            case ("symbol", "-", offset) if self._peek().kind == "number":
                return self._number("-" + self._take().text, offset)
            case ("date" | "duration" as kind, text, offset):
                return self._node(offset, **{kind: text})
            case ("string", _, offset):
                return self._node(offset, const=_unquote(token))
            case ("keyword", "true" | "false" as text, offset):
                return self._node(offset, const=text == "true")
            case ("name", text, offset):
                return self._name(text, offset)
            case ("symbol", "(", _):
                inner = self._expression(1)
                self._expect(")")
                return inner
            case ("symbol", "[", offset):
                return self._node(offset, list=self._items("]"))
        raise self._surprise(token, "a value")

    def _name(self, text: str, offset: int) -> Ast:
        if self._peek().text != "(":
            return self._node(offset, var=text)
        self._take()
        return self._node(offset, func=text, args=self._items(")"))

    def _items(self, closing: str) -> list[Ast]:
        items: list[Ast] = []
        if self._peek().text == closing:
            self._take()
            return items
        while True:
            items.append(self._expression(1))
            if self._peek().text != ",":
                self._expect(closing)
                return items
            self._take()

    def _number(self, text: str, offset: int) -> Ast:
        digits = text.lstrip("-")
        if len(digits) > 1 and digits[0] == "0" and digits[1] != ".":
            raise ExpressionError("E3005", f"{text} starts with a zero", "Drop the zeros in front.", offset)
        value = canonical_decimal(text) if "." in text else int(text)
        return self._node(offset, decimal=value) if isinstance(value, str) else self._node(offset, const=value)

    def _expect(self, closing: str) -> None:
        token = self._take()
        if token.text != closing or token.kind != "symbol":
            raise self._surprise(token, f"{closing!r}")

    @staticmethod
    def _surprise(token: Token, wanted: str) -> ExpressionError:
        found = f"{token.text[:40]!r} stands where" if token.kind != "end" else "The expression ends where"
        return ExpressionError(
            "E3001", f"{found} {wanted} was expected", "Complete or correct the expression here.", token.offset
        )


def _unquote(token: Token) -> str:
    if token.text.startswith("'"):
        return token.text[1:-1]
    try:
        text: str = json.loads(token.text)
    except json.JSONDecodeError as error:
        raise ExpressionError(
            "E3001",
            "The text holds an escape or a control character that JSON does not know",
            r"Write a backslash as \\, a line break as \n.",
            token.offset,
        ) from error
    return text
