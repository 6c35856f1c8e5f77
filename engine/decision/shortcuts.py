"""Shortcuts: conditions that hold only if a rule certainly does.

Most rules of most requests hold, and most rules are of a few shapes. For these the generated code asks one inlined
question first; where the answer is no, the operator itself decides, and gives the reason. A shortcut never raises, and
is never true where the operator would find fault: the property tests compare evaluation with and without them.
"""

from __future__ import annotations

from typing import Any, Final

from engine.decision.constants import constant_of, is_constant
from engine.decision.emit import Scope
from engine.decision.values import DATE_LIST, FIELDS, STRING_LISTS
from engine.policy.ir import Ast, Rule

LARGEST: Final = 1.7976931348623157e308
"""The largest finite binary64: a bound that infinities and NaN do not pass."""

NUMBERS: Final = frozenset({int, float})


def shortcut(rule: Rule, scope: Scope) -> str | None:
    """A Python condition that implies that `rule` holds; None where there is none for its shape."""
    write = {
        "non_membership": _disjoint,
        "non_intersection": _disjoint,
        "eq": _equal,
        "in": _contained,
        "range_min": _bounded,
        "range_max": _bounded,
        "threshold": _bounded,
    }.get(rule.op)
    return write(rule, scope) if write else None


def runtime() -> dict[str, Any]:
    """What the source of a shortcut refers to by fixed names."""
    return {"list": list, "len": len, "NUMBERS": NUMBERS, "LARGEST": LARGEST, "SMALLEST": -LARGEST}


def _disjoint(rule: Rule, scope: Scope) -> str | None:
    name = _name(rule.lhs)
    if name not in STRING_LISTS:
        return None
    local, known = scope.input(name), _constant(rule.rhs)
    if type(known) is list and known and all(type(item) is str for item in known):
        return f"type({local}) is list and {scope.namespace.add(frozenset(known))}.isdisjoint({local})"
    root = _name(rule.rhs)
    if root is None or root in STRING_LISTS or root == DATE_LIST:
        return None
    members = scope.members(root)
    return f"{members} is not None and type({local}) is list and {members}.isdisjoint({local})"


def _equal(rule: Rule, scope: Scope) -> str | None:
    local, known = _raw(rule.lhs, scope), _constant(rule.rhs)
    if local is None or type(known) not in (str, int, bool):
        return None
    kind = scope.namespace.add(type(known))
    return f"type({local}) is {kind} and {local} == {scope.namespace.add(known)}"


def _contained(rule: Rule, scope: Scope) -> str | None:
    local, known = _raw(rule.lhs, scope), _constant(rule.rhs)
    if local is None or type(known) is not list or len({type(item) for item in known}) != 1:
        return None
    kind = type(known[0])
    if kind not in (str, int):
        return None
    return f"type({local}) is {scope.namespace.add(kind)} and {local} in {scope.namespace.add(frozenset(known))}"


def _bounded(rule: Rule, scope: Scope) -> str | None:
    known = _constant(rule.rhs)
    if type(known) not in NUMBERS:
        return None
    limit = scope.namespace.add(known)
    counted = _counted(rule.lhs)
    if counted is not None:
        local = scope.input(counted)
        return f"type({local}) is list and len({local}) {'<=' if rule.op == 'range_max' else '>='} {limit}"
    number = _raw(rule.lhs, scope)
    if number is None:
        return None
    low, high = ("SMALLEST", limit) if rule.op == "range_max" else (limit, "LARGEST")
    return f"type({number}) in NUMBERS and {low} <= {number} <= {high}"


def _name(ast: Ast) -> str | None:
    name: str | None = ast.get("var")
    return name


def _raw(ast: Ast, scope: Scope) -> str | None:
    """The local of an input that is read as it comes: a variable, not one of the named fields."""
    name = _name(ast)
    return scope.input(name) if name is not None and name not in FIELDS else None


def _counted(ast: Ast) -> str | None:
    """The list of strings whose length `ast` is, if that is what it is."""
    match ast:
        case {"func": "len", "args": [{"var": str(name)}]} if name in STRING_LISTS:
            return name
    return None


def _constant(ast: Ast) -> Any:
    return constant_of(ast) if is_constant(ast) else None
