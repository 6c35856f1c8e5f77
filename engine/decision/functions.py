"""The functions and comparisons of the expression language, on values.

Each takes values as `engine.decision.values` describes them and returns one, or raises `Unevaluable`, whatever it is
given: an expression is made of calls to these and of nothing else.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Final

from engine.decision import reasons
from engine.decision.values import (
    BOOL,
    DATE,
    DURATION,
    LIST,
    NUMBER,
    STRING,
    Unevaluable,
    as_date,
    as_duration,
    as_time,
    kind_of,
    read_items,
)

ORDERED: Final = frozenset({NUMBER, DATE, DURATION})

SUMS: Final = frozenset({(NUMBER, NUMBER), (DURATION, DURATION), (DATE, DURATION), (DURATION, DATE)})
"""The kinds that can be added."""

DIFFERENCES: Final = frozenset({(NUMBER, NUMBER), (DURATION, DURATION), (DATE, DURATION), (DATE, DATE)})
"""The kinds of which the second can be subtracted from the first."""


def length(value: Any) -> int:
    """`len(list)`."""
    if type(value) is not list:
        raise Unevaluable(reasons.WRONG_TYPE)
    return len(value)


def maximum(*values: Any) -> Any:
    """`max(list)` or `max(a, b, ...)` of numbers, durations or dates."""
    return max(_ordered_items(values))


def minimum(*values: Any) -> Any:
    """`min(list)` or `min(a, b, ...)` of numbers, durations or dates."""
    return min(_ordered_items(values))


def total(value: Any) -> Any:
    """`sum(list)` of numbers; the sum of none is 0.

    Floats are summed exactly and rounded once: the built-in sum gives other last digits on other Python versions.
    """
    if type(value) is not list:
        raise Unevaluable(reasons.WRONG_TYPE)
    kind, items = read_items(value)
    if kind not in (NUMBER, None):
        raise Unevaluable(reasons.WRONG_TYPE)
    if all(type(item) is int for item in items):
        return sum(items)
    try:
        return _finite(math.fsum(items))
    except OverflowError:
        raise Unevaluable(reasons.NOT_FINITE) from None


def add(a: Any, b: Any) -> Any:
    """`a + b`: numbers, durations, or a date and a duration."""
    a, b = _with_times(a, b)
    if (kind_of(a), kind_of(b)) not in SUMS:
        raise Unevaluable(reasons.WRONG_TYPE)
    return _computed(operator.add, a, b)


def subtract(a: Any, b: Any) -> Any:
    """`a - b`: numbers, durations, two dates (a duration), or a date and a duration."""
    a, b = _with_times(a, b)
    if (kind_of(a), kind_of(b)) not in DIFFERENCES:
        raise Unevaluable(reasons.WRONG_TYPE)
    return _computed(operator.sub, a, b)


def multiply(a: Any, b: Any) -> Any:
    """`mul(a, b)` of numbers."""
    if kind_of(a) != NUMBER or kind_of(b) != NUMBER:
        raise Unevaluable(reasons.WRONG_TYPE)
    return _computed(operator.mul, a, b)


def absolute(value: Any) -> Any:
    """`abs(x)` of a number or a duration."""
    if kind_of(value) not in (NUMBER, DURATION):
        raise Unevaluable(reasons.WRONG_TYPE)
    return abs(value)


def truth(value: Any) -> bool:
    """A bool, and nothing that merely resembles one."""
    if type(value) is not bool:
        raise Unevaluable(reasons.WRONG_TYPE)
    return value


def equal(a: Any, b: Any) -> bool:
    """`a == b` of one kind; lists item by item, in order."""
    if kind_of(a) == LIST == kind_of(b):
        (_, left), (_, right) = read_items(a), read_items(b)
        if len(left) != len(right):
            return False
        pairs = [equal(x, y) for x, y in zip(left, right, strict=True)]
        return all(pairs)
    a, b = _one_kind(a, b)
    return bool(a == b)


def unequal(a: Any, b: Any) -> bool:
    """`a != b`."""
    return not equal(a, b)


def less(a: Any, b: Any) -> bool:
    """`a < b` of numbers, durations or dates."""
    a, b = comparable(a, b)
    return bool(a < b)


def at_most(a: Any, b: Any) -> bool:
    """`a <= b`."""
    a, b = comparable(a, b)
    return bool(a <= b)


def greater(a: Any, b: Any) -> bool:
    """`a > b`."""
    return less(b, a)


def at_least(a: Any, b: Any) -> bool:
    """`a >= b`."""
    return at_most(b, a)


def comparable(a: Any, b: Any) -> tuple[Any, Any]:
    """The two values ready to be ordered: one kind, numbers, durations or dates."""
    if kind_of(a) == STRING == kind_of(b):
        a, b = as_time(a), as_time(b)
    a, b = _one_kind(a, b)
    if kind_of(a) not in ORDERED:
        raise Unevaluable(reasons.WRONG_TYPE)
    return a, b


def _one_kind(a: Any, b: Any) -> tuple[Any, Any]:
    if kind_of(a) == kind_of(b):
        return a, b
    kinds = {kind_of(a), kind_of(b)}
    if kinds == {STRING, DATE}:
        return as_date(a), as_date(b)
    if kinds == {STRING, DURATION}:
        return as_duration(a), as_duration(b)
    raise Unevaluable(reasons.WRONG_TYPE)


def _with_times(a: Any, b: Any) -> tuple[Any, Any]:
    """Arithmetic has no use for strings: beside another, a date or a duration, one is read as what it spells."""
    if {kind_of(a), kind_of(b)} & {NUMBER, BOOL, LIST}:
        return a, b
    return as_time(a), as_time(b)


def _ordered_items(arguments: tuple[Any, ...]) -> list[Any]:
    candidates: Iterable[Any] = arguments
    if len(arguments) == 1:
        [candidates] = arguments
        if type(candidates) is not list:
            raise Unevaluable(reasons.WRONG_TYPE)
    kind, items = read_items(candidates)
    if kind == STRING:
        kind, items = read_items(map(as_time, items))
    if kind is None:
        raise Unevaluable(reasons.EMPTY_INPUT)
    if kind not in ORDERED:
        raise Unevaluable(reasons.WRONG_TYPE)
    return items


def _computed(compute: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """The result of an arithmetic step that may leave the range of its type."""
    try:
        result = compute(a, b)
    except OverflowError:
        raise Unevaluable(reasons.NOT_FINITE) from None
    return _finite(result)


def _finite(value: Any) -> Any:
    if type(value) is float and not math.isfinite(value):
        raise Unevaluable(reasons.NOT_FINITE)
    return value
