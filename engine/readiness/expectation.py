"""What a probe must find: one comparison, written as data beside the probe that makes it.

    {at_least: 2}    {equals: /readyz}    {matches: ".+@sha256:[0-9a-f]{64}"}    {present: true}

Pure. A value of another type than the comparison needs does not meet it: whoever cannot tell does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import InvalidInput

COMPARISONS: Final = frozenset({"absent", "at_least", "at_most", "contains", "equals", "matches", "one_of", "present"})


@dataclass(frozen=True, slots=True)
class Expectation:
    """One comparison."""

    comparison: str
    operand: Any

    def is_met(self, values: Sequence[Any]) -> bool:
        """Whether what was found is as expected.

        Args:
            values: Everything found at the place, JSON data; empty where there is nothing.
        """
        if self.comparison == "absent":
            return not any(_is_there(value) for value in values)
        return bool(values) and all(self._holds(value) for value in values)

    def _holds(self, value: Any) -> bool:
        match self.comparison:
            case "present":
                return _is_there(value)
            case "equals":
                return type(value) is type(self.operand) and bool(value == self.operand)
            case "one_of":
                return value in self.operand
            case "matches":
                return isinstance(value, str) and re.fullmatch(self.operand, value, re.DOTALL) is not None
            case "contains":
                return _contains(value, self.operand)
            case "at_least":
                return _is_number(value) and value >= self.operand
            case _:
                return _is_number(value) and value <= self.operand

    def __str__(self) -> str:
        """As a person reads it: `at least 2`."""
        if self.comparison in ("present", "absent"):
            return self.comparison
        operand = ", ".join(map(str, self.operand)) if isinstance(self.operand, list | tuple) else self.operand
        return f"{self.comparison.replace('_', ' ')} {operand}"


def parse_expectation(data: Mapping[str, Any], *, where: str) -> Expectation:
    """Read the one comparison among a probe's members.

    Raises:
        InvalidInput: There is none, or more than one, or its operand cannot be compared with.
    """
    named = sorted(COMPARISONS & data.keys())
    if len(named) != 1:
        raise _malformed(where, f"it must have one of {', '.join(sorted(COMPARISONS))}")
    comparison = named[0]
    operand = data[comparison]
    if not _fits(comparison, operand):
        raise _malformed(where, f"`{comparison}` cannot be {operand!r}")
    return Expectation(comparison, operand)


def _fits(comparison: str, operand: Any) -> bool:
    match comparison:
        case "present" | "absent":
            return operand is True
        case "at_least" | "at_most":
            return _is_number(operand)
        case "one_of":
            return isinstance(operand, list) and bool(operand)
        case "contains":
            return (isinstance(operand, str | list)) and bool(operand)
        case "matches":
            return isinstance(operand, str) and _compiles(operand)
        case _:
            return isinstance(operand, str | bool | int)


def _contains(value: Any, operand: Any) -> bool:
    if isinstance(operand, list):
        return isinstance(value, list) and all(member in value for member in operand)
    return isinstance(value, str) and operand in value


def _is_there(value: Any) -> bool:
    """Whether a value says something: zero and false do, nothing and emptiness do not."""
    return value not in (None, "", [], {}) or value is False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _malformed(where: str, problem: str) -> InvalidInput:
    return InvalidInput("orr.items_malformed", f"{where}: {problem}", "See the items that ship with capctl.")
