"""Static types of expressions: what lint knows before any context exists.

Evaluation checks every value again. These checks are for the author, who should not learn from a failed verification
that a date was compared with a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.policy.ir import Ast


@dataclass(frozen=True, slots=True)
class Type:
    """The type of an expression's value."""

    name: str
    items: Type | None = None
    """What a list holds."""

    def __str__(self) -> str:
        return f"list of {self.items}" if self.items else self.name

    @property
    def family(self) -> str:
        """Types of one family can be compared: a hash is a string that says what it stands for."""
        return "string" if self.name in ("hash", "root") else self.name


ANY: Final = Type("any")
"""Not known, because something inside is wrong already; it fits everywhere, so that one mistake is reported once."""

NUMBER, STRING, BOOL, DATE, DURATION = map(Type, ("number", "string", "bool", "date", "duration"))
HASH: Final = Type("hash")
ROOT: Final = Type("root")
"""The Merkle root that names a reference set."""

SCALARS: Final[Mapping[str, Type]] = {kind.name: kind for kind in (NUMBER, STRING, BOOL, DATE, DURATION, HASH, ROOT)}
"""The types an input may have, apart from lists of them."""

NAMED_INPUTS: Final[Mapping[str, Type]] = {
    "supplier_hashes": Type("list", HASH),
    "ubo_hashes": Type("list", HASH),
    "supplier_regions": Type("list", STRING),
    "audit_dates": Type("list", DATE),
    "sanctions_root": ROOT,
    "high_risk_root": ROOT,
}
"""The fields every context has; all other inputs are entries of its `variables`."""

ORDERED: Final = frozenset({"number", "date", "duration"})

Report: TypeAlias = Callable[[Ast, str], None]
"""Takes the offending node and what is wrong with it."""


def infer(node: Ast, inputs: Mapping[str, Type], report: Report) -> Type:
    """The type of an expression.

    Args:
        node: A checked expression.
        inputs: Types of the names it may use; a name that is missing has type `ANY`.
        report: Called for every part whose operands do not fit together.
    """
    match node:
        case {"const": bool()}:
            return BOOL
        case {"const": str()}:
            return STRING
        case {"const": _} | {"decimal": _}:
            return NUMBER
        case {"date": _}:
            return DATE
        case {"duration": _}:
            return DURATION
        case {"var": name}:
            return inputs.get(name, ANY)
        case {"list": items}:
            return _list_type(node, [infer(item, inputs, report) for item in items], report)
        case {"func": name, "args": arguments}:
            return _FUNCTIONS[name](node, [infer(argument, inputs, report) for argument in arguments], report)
        case {"cmp": comparison, "args": [left, right]}:
            _check_comparison(node, comparison, infer(left, inputs, report), infer(right, inputs, report), report)
            return BOOL
    _check_conditions(node, inputs, report)
    return BOOL


def comparable(left: Type, right: Type) -> bool:
    """Whether two values of these types can be equal."""
    if ANY in (left, right):
        return True
    if left.items and right.items:
        return comparable(left.items, right.items)
    return left.family == right.family


def _check_conditions(node: Ast, inputs: Mapping[str, Type], report: Report) -> None:
    operands = node.get("and") or node.get("or") or [node["not"]]
    for operand in operands:
        kind = infer(operand, inputs, report)
        if kind not in (BOOL, ANY):
            report(operand, f"A condition is needed here, and this is a {kind}")


def _check_comparison(node: Ast, comparison: str, left: Type, right: Type, report: Report) -> None:
    if not comparable(left, right):
        report(node, f"A {left} cannot be compared with a {right}")
    elif comparison not in ("==", "!=") and not _ordered(left, right):
        report(node, f"{comparison} orders numbers, dates and durations; these are a {left} and a {right}")


def _ordered(*kinds: Type) -> bool:
    return all(kind is ANY or kind.name in ORDERED for kind in kinds)


def _list_type(node: Ast, items: list[Type], report: Report) -> Type:
    for item in items[1:]:
        if not comparable(items[0], item):
            report(node, f"The members of a list have one type; here are a {items[0]} and a {item}")
            return Type("list", ANY)
    return Type("list", items[0] if items else ANY)


def _now(_node: Ast, _kinds: list[Type], _report: Report) -> Type:
    return DATE


def _len(node: Ast, kinds: list[Type], report: Report) -> Type:
    if kinds[0] is not ANY and not kinds[0].items:
        report(node, f"len counts a list, and this is a {kinds[0]}")
    return NUMBER


def _extreme(node: Ast, kinds: list[Type], report: Report) -> Type:
    candidates = kinds
    if len(kinds) == 1:
        if kinds[0] is ANY:
            return ANY
        if not kinds[0].items:
            report(node, f"{node['func']} of one argument needs a list, and this is a {kinds[0]}")
            return ANY
        candidates = [kinds[0].items]
    if not _ordered(*candidates) or not all(comparable(candidates[0], kind) for kind in candidates):
        report(node, f"{node['func']} needs numbers, dates or durations of one kind, not {_listing(candidates)}")
        return ANY
    return candidates[0]


def _sum(node: Ast, kinds: list[Type], report: Report) -> Type:
    if kinds[0] is ANY:
        return ANY
    if not kinds[0].items or not comparable(kinds[0].items, NUMBER):
        report(node, f"sum adds up a list of numbers, and this is a {kinds[0]}")
    return NUMBER


def _add(node: Ast, kinds: list[Type], report: Report) -> Type:
    return _arithmetic(node, kinds, _SUMS, report)


def _sub(node: Ast, kinds: list[Type], report: Report) -> Type:
    return _arithmetic(node, kinds, _DIFFERENCES, report)


def _mul(node: Ast, kinds: list[Type], report: Report) -> Type:
    return _arithmetic(node, kinds, {(NUMBER, NUMBER): NUMBER}, report)


def _abs(node: Ast, kinds: list[Type], report: Report) -> Type:
    return _arithmetic(node, kinds, {(NUMBER,): NUMBER, (DURATION,): DURATION}, report)


def _arithmetic(node: Ast, kinds: list[Type], table: Mapping[tuple[Type, ...], Type], report: Report) -> Type:
    if ANY in kinds:
        return ANY
    result = table.get(tuple(kinds))
    if result is None:
        report(node, f"{node['func']} does not work on {_listing(kinds)}")
        return ANY
    return result


def _listing(kinds: list[Type]) -> str:
    return " and ".join(f"a {kind}" for kind in kinds)


_SUMS: Final[Mapping[tuple[Type, ...], Type]] = {
    (NUMBER, NUMBER): NUMBER,
    (DURATION, DURATION): DURATION,
    (DATE, DURATION): DATE,
    (DURATION, DATE): DATE,
}
_DIFFERENCES: Final[Mapping[tuple[Type, ...], Type]] = {
    (NUMBER, NUMBER): NUMBER,
    (DURATION, DURATION): DURATION,
    (DATE, DURATION): DATE,
    (DATE, DATE): DURATION,
}
_FUNCTIONS: Final[Mapping[str, Callable[[Ast, list[Type], Report], Type]]] = {
    "now": _now,
    "len": _len,
    "max": _extreme,
    "min": _extreme,
    "sum": _sum,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "abs": _abs,
}
