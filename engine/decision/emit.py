"""Expressions as Python source: one small function per form of the AST.

The source is made of calls to `engine.decision.functions`, of locals that this module names, and of nothing from a
policy: every constant and every name of an input reaches the generated code through its namespace, never as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from engine.decision import functions, reasons, values
from engine.decision.constants import constant_of, is_constant
from engine.decision.values import DATE_LIST, FIELDS, ROOTS, STRING_LISTS
from engine.policy.ir import Ast

FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "len": functions.length,
    "max": functions.maximum,
    "min": functions.minimum,
    "sum": functions.total,
    "add": functions.add,
    "sub": functions.subtract,
    "mul": functions.multiply,
    "abs": functions.absolute,
}
"""Every function but `now()`, which is the evaluation time, a local."""

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": functions.equal,
    "!=": functions.unequal,
    "<": functions.less,
    "<=": functions.at_most,
    ">": functions.greater,
    ">=": functions.at_least,
}


class Namespace:
    """The globals of the generated code: its runtime, and the constants of one IR."""

    def __init__(self, runtime: Mapping[str, Any]) -> None:
        self.names: dict[str, Any] = {"__builtins__": {}, "NOTHING": MappingProxyType({}), **runtime}
        self._known: dict[int, str] = {}

    def add(self, value: Any) -> str:
        """Make `value` available to the generated code and return its name there."""
        # By identity, because 1, 1.0 and True are equal; whatever has a name stays alive and keeps its id.
        name = self._known.setdefault(id(value), f"k{len(self._known)}")
        self.names[name] = value
        return name


class Scope:
    """One generated function while it is being written: which inputs it reads, under which locals.

    Args:
        namespace: The globals it will run with.
        predicates: The local that holds each predicate's value, where predicates may be named.
    """

    def __init__(self, namespace: Namespace, predicates: Mapping[str, str] = MappingProxyType({})) -> None:
        self.namespace = namespace
        self.predicates = predicates
        self._inputs: dict[str, str] = {}
        self._members: dict[str, str] = {}
        self._latest: dict[str, str] = {}

    def input(self, name: str) -> str:
        """The local that holds an input: raw JSON, or `Unusable` for a field that is no list of strings."""
        return self._inputs.setdefault(name, f"i{len(self._inputs)}")

    def members(self, name: str) -> str:
        """The local that holds the reference set an input names, None where it names none."""
        return self._members.setdefault(self.input(name), f"members_{self.input(name)}")

    def latest(self, name: str) -> str:
        """The local that holds the latest of an input's dates, None where they are not all in order."""
        return self._latest.setdefault(self.input(name), f"latest_{self.input(name)}")

    def prologue(self) -> list[str]:
        """The statements that read every input once."""
        lines = [
            "fields = context if type(context) is dict else NOTHING",
            "variables = fields.get('variables')",
            "variables = variables if type(variables) is dict else NOTHING",
            *self._read_inputs(),
            *self._check_strings(),
        ]
        for local, members in self._members.items():
            lines.append(f"{members} = reference_sets.get({local}) if type({local}) is str else None")
        for local, latest in self._latest.items():
            lines.append(f"{latest} = latest_date({local}, now, date_of)")
        return lines

    def _read_inputs(self) -> list[str]:
        """All inputs are usually there, and a subscript is faster than get()."""
        places = {
            local: ("fields" if name in FIELDS else "variables", self.namespace.add(name))
            for name, local in self._inputs.items()
        }
        if not places:
            return []
        return [
            "try:",
            *(f"    {local} = {mapping}[{key}]" for local, (mapping, key) in places.items()),
            "except KeyError:",
            *(f"    {local} = {mapping}.get({key})" for local, (mapping, key) in places.items()),
        ]

    def _check_strings(self) -> list[str]:
        """Joining is the cheapest way to have every item checked for its type; that it is a list is checked later."""
        locals_ = [local for name, local in self._inputs.items() if name in STRING_LISTS]
        if not locals_:
            return []
        return [
            "try:",
            *(f"    join({local})" for local in locals_),
            "except TypeError:",
            *(f"    {local} = read_strings({local})" for local in locals_),
        ]

    def expression(self, ast: Ast) -> str:
        """The Python expression that computes `ast`, which passed `check_ast`."""
        if is_constant(ast):
            return self.namespace.add(constant_of(ast))
        [form] = ast.keys() - {"args"}
        return _FORMS[form](self, ast)


def expression_runtime(parsed_dates: values.DateCache, reference_sets: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    """What the source of an expression and its prologue refer to by fixed names."""
    return {
        "type": type,
        "str": str,
        "dict": dict,
        "usable": values.usable,
        "truth": functions.truth,
        "read_value": values.read_value,
        "usable_list": values.usable_list,
        "read_strings": values.read_strings,
        "read_dates": values.read_dates,
        "latest_date": values.latest_date,
        "join": "".join,
        "KeyError": KeyError,
        "TypeError": TypeError,
        "date_of": parsed_dates.__getitem__,
        "reference_sets": reference_sets,
    }


def _var(scope: Scope, ast: Ast) -> str:
    name = ast["var"]
    if name in scope.predicates:
        return f"usable({scope.predicates[name]})"
    if name in STRING_LISTS:
        return f"usable_list({scope.input(name)})"
    if name == DATE_LIST:
        return f"read_dates({scope.input(name)}, now, date_of)"
    missing = reasons.MISSING_ROOT if name in ROOTS or name.endswith("_root") else reasons.MISSING_INPUT
    return f"read_value({scope.input(name)}, {scope.namespace.add(missing)})"


def _func(scope: Scope, ast: Ast) -> str:
    return "now" if ast["func"] == "now" else _call(scope, FUNCTIONS[ast["func"]], ast["args"])


def _cmp(scope: Scope, ast: Ast) -> str:
    return _call(scope, COMPARISONS[ast["cmp"]], ast["args"])


def _call(scope: Scope, function: Callable[..., Any], args: Sequence[Ast]) -> str:
    return f"{scope.namespace.add(function)}({', '.join(map(scope.expression, args))})"


def _and(scope: Scope, ast: Ast) -> str:
    return _junction(scope, " and ", ast["and"])


def _or(scope: Scope, ast: Ast) -> str:
    return _junction(scope, " or ", ast["or"])


def _junction(scope: Scope, word: str, args: Sequence[Ast]) -> str:
    """Evaluated left to right and only as far as needed, so that one side may guard the next."""
    return f"({word.join(f'truth({scope.expression(arg)})' for arg in args)})"


def _not(scope: Scope, ast: Ast) -> str:
    return f"(not truth({scope.expression(ast['not'])}))"


_FORMS: Final[Mapping[str, Callable[[Scope, Ast], str]]] = {
    "var": _var,
    "func": _func,
    "cmp": _cmp,
    "and": _and,
    "or": _or,
    "not": _not,
}
