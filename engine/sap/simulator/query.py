"""The query options the simulator understands: $filter as an SQL condition over the stored JSON.

The subset: comparisons of a property with a literal, `and`, `or`, `not`, parentheses, `startswith`.
Source: OData V2, URI conventions, section 4.5.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from engine.sap.simulator.schema import EntitySet

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<datetime>datetime'[^']*')|(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?[MmDdLl]?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<mark>[(),]))"
)
_COMPARISONS: Final = {"eq": "=", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class BadQuery(Exception):
    """The condition cannot be understood."""


class Condition(NamedTuple):
    """An SQL condition and the values of its parameters."""

    sql: str
    values: tuple[Any, ...]


EVERYTHING: Final = Condition("1", ())


def parse_filter(text: str, entity_set: EntitySet) -> Condition:
    """Translate a $filter.

    Raises:
        BadQuery: It is outside the subset, or names an unknown property.
    """
    reader = _Reader(text, entity_set)
    condition = reader.either()
    reader.end()
    return condition


class _Reader:
    """Recursive descent over the tokens of a condition."""

    def __init__(self, text: str, entity_set: EntitySet) -> None:
        self._tokens = _tokens(text)
        self._position = 0
        self._entity_set = entity_set

    def either(self) -> Condition:
        left = self._both()
        while self._take("or"):
            left = _joined(left, "OR", self._both())
        return left

    def end(self) -> None:
        if self._position != len(self._tokens):
            raise BadQuery(self._peek())

    def _both(self) -> Condition:
        left = self._one()
        while self._take("and"):
            left = _joined(left, "AND", self._one())
        return left

    def _one(self) -> Condition:
        if self._take("not"):
            inner = self._one()
            return Condition(f"NOT ({inner.sql})", inner.values)
        if self._take("("):
            inner = self.either()
            self._expect(")")
            return inner
        if self._take("startswith"):
            self._expect("(")
            column = self._property()
            self._expect(",")
            prefix = self._literal()
            self._expect(")")
            if self._take("eq"):
                self._expect("true")
            return Condition(f"substr({column}, 1, length(?)) = ?", (prefix, prefix))
        column = self._property()
        comparison = _COMPARISONS.get(self._next())
        if comparison is None:
            raise BadQuery("a comparison is missing")
        value = self._literal()
        if value is None:
            return Condition(f"{column} IS {'NOT ' if comparison == '!=' else ''}NULL", ())
        return Condition(f"{column} {comparison} ?", (value,))

    def _property(self) -> str:
        name = self._next()
        if self._entity_set.property(name) is None:
            raise BadQuery(f"unknown property {name}")
        return f"json_extract(body, '$.{name}')"

    def _literal(self) -> Any:
        token = self._next()
        if token.startswith("datetime'"):
            return token[9:-1]
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token in ("true", "false", "null"):
            return {"true": 1, "false": 0, "null": None}[token]
        try:
            return float(token.rstrip("MmDdLl"))
        except ValueError:
            raise BadQuery(token) from None

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _take(self, token: str) -> bool:
        found = self._peek() == token
        self._position += found
        return found

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise BadQuery(f"{token} is missing")


def _tokens(text: str) -> list[str]:
    tokens, position, text = [], 0, text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadQuery(text[position : position + 20])
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


def _joined(left: Condition, word: str, right: Condition) -> Condition:
    return Condition(f"({left.sql} {word} {right.sql})", left.values + right.values)
