"""Shortcuts: plain Python for what is plain, under guards that say when it is.

Most rules of most requests hold, and most expressions are of a few shapes: a count, a variable beside a constant, the
age of the last audit. For these the generated code first asks the guards (is this a list, is that a finite number?)
and then computes with Python's own operators. Where a guard says no, or a rule does not hold, the functions and
operators of this room decide, and give the reason.

A shortcut never raises, and never says anything else than they would: the property tests compare evaluation with and
without shortcuts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from engine.decision import reasons
from engine.decision.constants import constant_of, is_constant
from engine.decision.emit import Scope
from engine.decision.values import (
    BOOL,
    DATE,
    DATE_LIST,
    DURATION,
    FIELDS,
    KINDS,
    NUMBER,
    STRING,
    STRING_LISTS,
)
from engine.policy.ir import Ast, Rule

LARGEST: Final = 1.7976931348623157e308
"""The largest finite binary64: a bound that neither NaN nor an infinity passes."""

ORDERED: Final = (NUMBER, DATE, DURATION)

_VARIABLE_GUARDS: Final = {
    NUMBER: "(type({0}) is int or type({0}) is float and SMALLEST <= {0} <= LARGEST)",
    STRING: "type({0}) is str",
    BOOL: "type({0}) is bool",
}
_SIGNS: Final = {"eq": "==", "range_min": ">=", "range_max": "<=", "threshold": ">="}

IF_BROKEN: Final = {
    "non_membership": reasons.MEMBER_FOUND,
    "non_intersection": reasons.INTERSECTION_FOUND,
    "eq": reasons.NOT_EQUAL,
    "in": reasons.NOT_IN,
    "range_min": reasons.BELOW_MINIMUM,
    "range_max": reasons.ABOVE_MAXIMUM,
    "threshold": reasons.BELOW_THRESHOLD,
}
"""Why a rule of each operator does not hold, when it could be evaluated."""


class Inline(NamedTuple):
    """An expression as plain Python."""

    source: str
    guards: frozenset[str]
    """Conditions under which it has a value of the expected kind and does not raise."""

    def choose(self, otherwise: str) -> str:
        """The source where the guards hold, else what is given."""
        return f"{self.source} if {' and '.join(sorted(self.guards))} else {otherwise}" if self.guards else self.source


def runtime() -> dict[str, Any]:
    """What the source of a shortcut refers to by fixed names."""
    return {
        "list": list,
        "bool": bool,
        "int": int,
        "float": float,
        "len": len,
        "LARGEST": LARGEST,
        "SMALLEST": -LARGEST,
    }


def holds(rule: Rule, scope: Scope) -> Inline | None:
    """Whether `rule` holds, as plain Python; None where its shape is not plain."""
    if rule.op in ("non_membership", "non_intersection"):
        return _disjoint(rule, scope)
    if rule.op == "in":
        return _contained(rule, scope)
    kinds = {"eq": (*ORDERED, STRING, BOOL), "threshold": (NUMBER,)}.get(rule.op, ORDERED)
    return _compared(_SIGNS[rule.op], rule.lhs, rule.rhs, kinds, scope)


def condition(ast: Ast, scope: Scope) -> Inline | None:
    """A condition as plain Python; None where its shape is not plain."""
    match ast:
        case {"cmp": sign, "args": [left, right]}:
            kinds = (*ORDERED, STRING, BOOL) if sign in ("==", "!=") else ORDERED
            return _compared(sign, left, right, kinds, scope)
        case {"and": parts} | {"or": parts}:
            inlined = [condition(part, scope) for part in parts]
            known = [part for part in inlined if part is not None]
            if len(known) < len(inlined):
                return None
            word = " and " if "and" in ast else " or "
            guards = frozenset().union(*(part.guards for part in known))
            return Inline(f"({word.join(part.source for part in known)})", guards)
        case {"not": part}:
            inner = condition(part, scope)
            return inner and Inline(f"(not {inner.source})", inner.guards)
    return _value(ast, BOOL, scope)


def _compared(sign: str, left: Ast, right: Ast, kinds: tuple[str, ...], scope: Scope) -> Inline | None:
    for lhs, rhs in _same_kind(left, right, kinds, scope):
        return Inline(f"({lhs.source} {sign} {rhs.source})", lhs.guards | rhs.guards)
    return None


def _same_kind(left: Ast, right: Ast, kinds: tuple[str, ...], scope: Scope) -> Iterator[tuple[Inline, Inline]]:
    for kind in kinds:
        lhs, rhs = _value(left, kind, scope), _value(right, kind, scope)
        if lhs and rhs:
            yield lhs, rhs


def _value(ast: Ast, kind: str, scope: Scope) -> Inline | None:
    """An expression as plain Python that has this kind whenever its guards hold."""
    if is_constant(ast):
        value = constant_of(ast)
        return Inline(scope.namespace.add(value), frozenset()) if KINDS[type(value)] == kind else None
    match ast:
        case {"var": name} if name not in FIELDS and name not in scope.predicates and kind in _VARIABLE_GUARDS:
            local = scope.input(name)
            return Inline(local, frozenset({_VARIABLE_GUARDS[kind].format(local)}))
        case {"func": "len", "args": [{"var": name}]} if kind == NUMBER and name in STRING_LISTS:
            return Inline(f"len({scope.input(name)})", frozenset({f"type({scope.input(name)}) is list"}))
        case {"func": "now"} if kind == DATE:
            return Inline("now", frozenset())
        case {"func": "max", "args": [{"var": name}]} if kind == DATE and name == DATE_LIST:
            latest = scope.latest(name)
            return Inline(latest, frozenset({f"{latest} is not None"}))
        case {"func": "sub", "args": [left, right]} if kind == DURATION:
            # Two dates only: their distance fits a duration, while a date and a duration may leave the calendar.
            return _compared("-", left, right, (DATE,), scope)
    return None


def _disjoint(rule: Rule, scope: Scope) -> Inline | None:
    name = rule.lhs.get("var")
    if name not in STRING_LISTS:
        return None
    local = scope.input(name)
    is_list = f"type({local}) is list"
    if is_constant(rule.rhs):
        known = constant_of(rule.rhs)
        if type(known) is not list or not _all_of(known, str):
            return None
        return Inline(f"{scope.namespace.add(frozenset(known))}.isdisjoint({local})", frozenset({is_list}))
    root = rule.rhs.get("var")
    if root is None or root in STRING_LISTS or root == DATE_LIST:
        return None
    members = scope.members(root)
    return Inline(f"{members}.isdisjoint({local})", frozenset({is_list, f"{members} is not None"}))


def _contained(rule: Rule, scope: Scope) -> Inline | None:
    known = constant_of(rule.rhs) if is_constant(rule.rhs) else None
    if type(known) is not list:
        return None
    for kind, type_ in ((STRING, str), (NUMBER, int)):
        value = _value(rule.lhs, kind, scope)
        if value and _all_of(known, type_):
            return Inline(f"{value.source} in {scope.namespace.add(frozenset(known))}", value.guards)
    return None


def _all_of(items: list[Any], type_: type) -> bool:
    return bool(items) and all(type(item) is type_ for item in items)
