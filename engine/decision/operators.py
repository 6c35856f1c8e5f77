"""The operators of rules: each says why `lhs op rhs` does not hold, or None when it does.

Every operand is looked at as a whole before the answer is given, so that a violation found early never hides an item
that could not be evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from engine.decision import reasons
from engine.decision.functions import comparable, equal
from engine.decision.values import (
    DATE,
    DURATION,
    LIST,
    NUMBER,
    STRING,
    Unevaluable,
    as_date,
    as_duration,
    kind_of,
    read_items,
)

Collection: TypeAlias = "list[Any] | frozenset[str]"
"""A list of a context or policy, or the members of a reference set."""


_READ_AS: Final[Mapping[frozenset[str], Callable[[Any], Any]]] = {
    frozenset((STRING, DATE)): as_date,
    frozenset((STRING, DURATION)): as_duration,
}
"""How strings are read that meet another kind."""


def collection(value: Any, reference_sets: Mapping[str, frozenset[str]]) -> Collection:
    """What the right side of a set operator stands for: a list as it is, a root's members.

    Raises:
        Unevaluable: `unknown_root` when no set has this root, `wrong_type` when it is neither list nor string.
    """
    if type(value) is list:
        return value
    if type(value) is not str:
        raise Unevaluable(reasons.WRONG_TYPE)
    members = reference_sets.get(value)
    if members is None:
        raise Unevaluable(reasons.UNKNOWN_ROOT)
    return members


def common(lhs: list[Any], rhs: Collection) -> frozenset[Any]:
    """What a list and a list or set have in common.

    Raises:
        Unevaluable: The items are not all of one kind, or the two sides are of different kinds.
    """
    kind, items = read_items(lhs)
    if isinstance(rhs, frozenset):
        if kind not in (STRING, None):
            raise Unevaluable(reasons.WRONG_TYPE)
        return rhs.intersection(items)
    other_kind, others = read_items(rhs)
    if kind is None or other_kind is None:
        return frozenset()
    if kind != other_kind:
        read = _READ_AS.get(frozenset((kind, other_kind)))
        if read is None:
            raise Unevaluable(reasons.WRONG_TYPE)
        items, others = [read(x) for x in items], [read(x) for x in others]
    return frozenset(items).intersection(others)


def non_membership(lhs: Any, rhs: Collection) -> str | None:
    """No element of `lhs`, a list or one string, is in `rhs`."""
    if type(lhs) is str:
        lhs = [lhs]
    return reasons.MEMBER_FOUND if common(_list(lhs), rhs) else None


def non_intersection(lhs: Any, rhs: Collection) -> str | None:
    """The list `lhs` and `rhs` have nothing in common."""
    return reasons.INTERSECTION_FOUND if common(_list(lhs), rhs) else None


def contained(lhs: Any, rhs: Collection) -> str | None:
    """`in`: the value `lhs` is in `rhs`."""
    if kind_of(lhs) == LIST:
        raise Unevaluable(reasons.WRONG_TYPE)
    return None if common([lhs], rhs) else reasons.NOT_IN


def eq(lhs: Any, rhs: Any) -> str | None:
    """`lhs` and `rhs` have one type and are equal."""
    return None if equal(lhs, rhs) else reasons.NOT_EQUAL


def range_min(lhs: Any, rhs: Any) -> str | None:
    """`lhs`, or each of its elements, is >= `rhs`. An empty list proves nothing: `empty_input`."""
    return reasons.BELOW_MINIMUM if any(a < b for a, b in _compared(lhs, rhs)) else None


def range_max(lhs: Any, rhs: Any) -> str | None:
    """`lhs`, or each of its elements, is <= `rhs`. An empty list proves nothing: `empty_input`."""
    return reasons.ABOVE_MAXIMUM if any(a > b for a, b in _compared(lhs, rhs)) else None


def threshold(lhs: Any, rhs: Any) -> str | None:
    """The number `lhs` reaches `rhs`."""
    if kind_of(lhs) != NUMBER or kind_of(rhs) != NUMBER:
        raise Unevaluable(reasons.WRONG_TYPE)
    return reasons.BELOW_THRESHOLD if lhs < rhs else None


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise Unevaluable(reasons.WRONG_TYPE)
    return value


def _compared(lhs: Any, rhs: Any) -> list[tuple[Any, Any]]:
    if type(lhs) is not list:
        return [comparable(lhs, rhs)]
    _, items = read_items(lhs)
    if not items:
        raise Unevaluable(reasons.EMPTY_INPUT)
    return [comparable(item, rhs) for item in items]
