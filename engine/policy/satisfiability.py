"""Whether a condition can ever hold: interval analysis over comparisons with constants.

The answer False is a proof. True means only that no contradiction was found: relations between inputs, arithmetic and
conditions with very many alternatives are not analysed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from engine.policy.formatting import format_expression
from engine.policy.ir import Ast
from engine.policy.literals import parse_date, parse_duration

MAX_ALTERNATIVES: Final = 256
"""Alternatives beyond which a condition is taken to be satisfiable."""
MAX_WORK: Final = 100_000
"""Comparisons copied from alternative to alternative beyond which the same holds."""
MAX_CHAIN: Final = 32
"""Predicates referring to predicates beyond which the same holds."""

Constant: TypeAlias = Fraction | str | bool | datetime | timedelta

_SIGNS: Final[Mapping[str, frozenset[int]]] = {
    "<": frozenset({-1}),
    "<=": frozenset({-1, 0}),
    "==": frozenset({0}),
    "!=": frozenset({-1, 1}),
    ">=": frozenset({0, 1}),
    ">": frozenset({1}),
}
"""What the sign of left minus right may be."""


class _Literal(NamedTuple):
    """One comparison that must hold: the sign of `subject` compared with `value` is one of `signs`."""

    subject: str
    value: Constant | None
    """None: the subject is a whole relation between two inputs, and the signs are that relation's."""
    signs: frozenset[int]


_Conjunction: TypeAlias = frozenset[_Literal]
_TRUE: Final[_Conjunction] = frozenset()


class _TooComplexError(Exception):
    """Not worth analysing further."""


def can_hold(expr: Ast, predicates: Mapping[str, Ast]) -> bool:
    """Whether some context might satisfy a condition.

    Args:
        expr: A checked condition.
        predicates: All predicates by id, without circles; `expr` may refer to them.
    """
    try:
        alternatives = _Expansion(predicates).alternatives(expr, holds=True)
    except _TooComplexError:
        return True
    return any(map(_is_consistent, alternatives))


class _Expansion:
    """Turns conditions into their disjunctive normal form."""

    def __init__(self, predicates: Mapping[str, Ast]) -> None:
        self._predicates = predicates
        self._known: dict[tuple[str, bool], frozenset[_Conjunction]] = {}
        self._chain = 0
        self._work = 0

    def alternatives(self, node: Ast, *, holds: bool) -> frozenset[_Conjunction]:
        """The ways in which a node can hold (or fail to); empty when there is none."""
        match node:
            case {"not": operand}:
                return self.alternatives(operand, holds=not holds)
            case {"and": operands} | {"or": operands}:
                parts = [self.alternatives(operand, holds=holds) for operand in operands]
                return self._all_of(parts) if ("and" in node) == holds else frozenset().union(*parts)
            case {"const": bool() as value}:
                return frozenset({_TRUE}) if value == holds else frozenset()
            case {"var": name} if name in self._predicates:
                return self._predicate(name, holds=holds)
            case {"cmp": comparison, "args": [left, right]}:
                return _comparison(left, comparison, right, holds=holds)
        return frozenset({frozenset({_Literal(format_expression(node), holds, _SIGNS["=="])})})

    def _all_of(self, parts: Iterable[frozenset[_Conjunction]]) -> frozenset[_Conjunction]:
        product: frozenset[_Conjunction] = frozenset({_TRUE})
        for alternatives in parts:
            if len(product) * len(alternatives) > MAX_ALTERNATIVES:
                raise _TooComplexError
            product = frozenset(one | other for one in product for other in alternatives)
            self._work += sum(map(len, product))
            if self._work > MAX_WORK:
                raise _TooComplexError
        return product

    def _predicate(self, name: str, *, holds: bool) -> frozenset[_Conjunction]:
        known = self._known.get((name, holds))
        if known is None:
            self._chain += 1
            if self._chain > MAX_CHAIN:
                raise _TooComplexError
            known = self._known[name, holds] = self.alternatives(self._predicates[name], holds=holds)
            self._chain -= 1
        return known


def _comparison(left: Ast, comparison: str, right: Ast, *, holds: bool) -> frozenset[_Conjunction]:
    signs = _SIGNS[comparison]
    if not holds:
        signs = frozenset({-1, 0, 1}) - signs
    here, there = _constant(left), _constant(right)
    if here is not None and there is not None:
        possible = type(here) is not type(there) or _sign(here, there) in signs
        return frozenset({_TRUE}) if possible else frozenset()
    if here is not None:
        left, there, signs = right, here, _mirrored(signs)
    if there is not None:
        return frozenset({frozenset({_Literal(format_expression(left), there, signs)})})
    sides = format_expression(left), format_expression(right)
    if sides[0] == sides[1]:
        return frozenset({_TRUE}) if 0 in signs else frozenset()
    if sides[0] > sides[1]:
        sides, signs = sides[::-1], _mirrored(signs)
    return frozenset({frozenset({_Literal(" : ".join(sides), None, signs)})})


def _mirrored(signs: frozenset[int]) -> frozenset[int]:
    return frozenset(-sign for sign in signs)


def _sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _constant(node: Ast) -> Constant | None:
    match node:
        case {"const": bool() | str() as value}:
            return value
        case {"const": number} | {"decimal": number}:
            return Fraction(number)
        case {"date": text}:
            return parse_date(text)
        case {"duration": text}:
            return parse_duration(text)
    return None


def _is_consistent(conjunction: _Conjunction) -> bool:
    by_subject: defaultdict[str, list[_Literal]] = defaultdict(list)
    for literal in conjunction:
        by_subject[literal.subject].append(literal)
    return all(_is_possible(subject, literals) for subject, literals in by_subject.items())


def _is_possible(subject: str, literals: list[_Literal]) -> bool:
    kinds = {type(literal.value) for literal in literals}
    if len(kinds) > 1:
        return True
    values = [literal.value for literal in literals]
    if values[0] is None:
        return bool(frozenset.intersection(*(literal.signs for literal in literals)))
    counts = subject.startswith("len(")
    return any(_fits(candidate, literals) for candidate in _candidates(values, counts=counts))


def _fits(candidate: Any, literals: list[_Literal]) -> bool:
    return all(_sign(candidate, literal.value) in literal.signs for literal in literals)


def _candidates(values: list[Any], *, counts: bool) -> Iterable[Any]:
    """One value from every region into which the constants cut the subject's range.

    If none of them satisfies the comparisons, nothing does: inside a region they all have the same answers.
    """
    if isinstance(values[0], bool):
        return (False, True)
    points = sorted(set(values))
    if isinstance(values[0], str):
        # A text's successor in code point order is the same text and U+0000.
        return ("", *points, *(point + "\0" for point in points))
    if counts and isinstance(values[0], Fraction):
        return {n for point in points for n in range(max(0, math.floor(point) - 1), max(0, math.ceil(point) + 1) + 1)}
    between = (low + (high - low) / 2 for low, high in pairwise(points))
    return (_least(points[0]), *points, *between, _greatest(points[-1]))


def _least(point: Any) -> Any:
    """A value below `point`, as long as there is one."""
    return datetime.min.replace(tzinfo=UTC) if isinstance(point, datetime) else point - _step(point)


def _greatest(point: Any) -> Any:
    """A value above `point`, as long as there is one."""
    return datetime.max.replace(tzinfo=UTC) if isinstance(point, datetime) else point + _step(point)


def _step(point: Fraction | timedelta) -> Fraction | timedelta:
    return Fraction(1) if isinstance(point, Fraction) else timedelta(microseconds=1)
