"""The operators of rules, and what they may stand between (docs/ir.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.policy.types import ANY, NUMBER, ORDERED, ROOT, STRING, Type, comparable

SEVERITIES: Final = ("fail", "warn")


def _is_set(kind: Type) -> bool:
    """Whether membership can be asked of it: a reference set, or a list as it stands."""
    return kind in (ANY, ROOT) or kind.items is not None


def _member_type(kind: Type) -> Type:
    if kind is ROOT:
        return STRING
    return kind.items or ANY


def _non_membership(lhs: Type, rhs: Type) -> str:
    element = lhs.items or lhs
    if not _is_set(rhs):
        return f"non_membership looks in a reference set or a list, and the right side is a {rhs}"
    if not comparable(element, STRING):
        return f"non_membership looks for text or a list of texts, and the left side is a {lhs}"
    return "" if comparable(element, _member_type(rhs)) else f"A {element} is never in a {rhs}"


def _non_intersection(lhs: Type, rhs: Type) -> str:
    if lhs is not ANY and lhs.items is None:
        return f"non_intersection compares lists, and the left side is a {lhs}"
    if not _is_set(rhs):
        return f"non_intersection needs a list or a reference set, and the right side is a {rhs}"
    fits = comparable(_member_type(lhs), _member_type(rhs))
    return "" if fits else f"A {lhs} and a {rhs} never have anything in common"


def _eq(lhs: Type, rhs: Type) -> str:
    return "" if comparable(lhs, rhs) else f"A {lhs} never equals a {rhs}"


def _in(lhs: Type, rhs: Type) -> str:
    if not _is_set(rhs):
        return f"in looks in a list or a reference set, and the right side is a {rhs}"
    if lhs.items is not None:
        return f"in looks for one value, and the left side is a {lhs}"
    return "" if comparable(lhs, _member_type(rhs)) else f"A {lhs} is never in a {rhs}"


def _range(lhs: Type, rhs: Type) -> str:
    element = lhs.items or lhs
    for kind in (element, rhs):
        if kind is not ANY and kind.name not in ORDERED:
            return f"A range is one of numbers, dates or durations, and this is a {kind}"
    return "" if comparable(element, rhs) else f"A {element} cannot be compared with a {rhs}"


def _threshold(lhs: Type, rhs: Type) -> str:
    for kind in (lhs, rhs):
        if not comparable(kind, NUMBER):
            return f"threshold compares numbers, and this is a {kind}"
    return ""


OPERATORS: Final[Mapping[str, tuple[str, Callable[[Type, Type], str]]]] = {
    "non_membership": ("E2004", _non_membership),
    "non_intersection": ("E2005", _non_intersection),
    "eq": ("E2006", _eq),
    "in": ("E2007", _in),
    "range_min": ("E2008", _range),
    "range_max": ("E2008", _range),
    "threshold": ("E2009", _threshold),
}
"""Every operator: the lint code for operands that do not fit, and what says why they do not (empty: they fit)."""
