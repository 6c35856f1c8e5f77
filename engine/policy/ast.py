"""Expressions as JSON data: which forms there are, and whether data is one of them.

`docs/ir.md` lists the forms. Everything that reads an expression, from text, from a policy or from a stored IR, passes
`check_ast`; code behind it may rely on the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from engine.canonical import MAX_SAFE_INTEGER
from engine.errors import InvalidInput
from engine.policy.ir import Ast
from engine.policy.literals import DECIMAL_PATTERN, MAX_DECIMAL_DIGITS, parse_date, parse_duration
from engine.policy.names import NAME_PATTERN

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from an expression's root to a node in it."""

MAX_DEPTH: Final = 20
"""Deepest nesting of an expression. Each level is two of JSON, and `canonical.MAX_DEPTH` holds for the whole IR."""

MAX_PARTS: Final = 1_000
"""Most parts of an expression; constants do not count."""

MAX_STRING: Final = 256
"""Longest text constant, in characters."""

MAX_ARGUMENTS: Final = 16
"""Most arguments of a function call."""

FUNCTIONS: Final[Mapping[str, tuple[int, int]]] = {
    "now": (0, 0),
    "len": (1, 1),
    "max": (1, MAX_ARGUMENTS),
    "min": (1, MAX_ARGUMENTS),
    "sum": (1, 1),
    "add": (2, 2),
    "sub": (2, 2),
    "mul": (2, 2),
    "abs": (1, 1),
}
"""Least and most arguments of every function. `max` and `min` take one list, or several values."""

COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")

CONSTANT_FORMS: Final = frozenset({"const", "decimal", "date", "duration"})


class ExpressionError(InvalidInput):
    """An expression is wrong, here.

    Args:
        finding: The lint code it is reported under, `E3xxx`.
        message: What is wrong.
        hint: What to write instead.
        offset: Where in the text, in characters from its start.
        path: Where in the AST, when it was given as one.
    """

    def __init__(self, finding: str, message: str, hint: str = "", offset: int = 0, path: Path = ()) -> None:
        super().__init__("policy.expression", message, hint)
        self.finding = finding
        self.offset = offset
        self.path = path

    def __reduce__(self) -> tuple[type[ExpressionError], tuple[str, str, str, int, Path]]:  # type: ignore[override]
        return type(self), (self.finding, self.message, self.hint, self.offset, self.path)


def children(node: Ast) -> Sequence[Ast]:
    """The expressions directly inside a node, in order."""
    for key in ("args", "and", "or", "list"):
        if key in node:
            inner: Sequence[Ast] = node[key]
            return inner
    return (node["not"],) if "not" in node else ()


def walk(node: Ast) -> Iterator[Ast]:
    """The node and everything inside it, parents first, left to right."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


def variables(node: Ast) -> frozenset[str]:
    """The names an expression refers to: inputs and predicates."""
    return frozenset(inner["var"] for inner in walk(node) if "var" in inner)


def node_at(root: Ast, path: Path) -> Any:
    """The part of an expression that a path leads to."""
    current: Any = root
    for step in path:
        current = current[step]
    return current


def check_ast(value: object) -> Ast:
    """Make sure that unverified JSON data is an expression.

    Raises:
        ExpressionError: It is none; `path` leads to the offending part.
    """
    _check(value, (), 1)
    assert isinstance(value, dict)
    if sum(not CONSTANT_FORMS & node.keys() for node in walk(value)) > MAX_PARTS:
        raise ExpressionError(
            "E3006", f"The expression has more than {MAX_PARTS} parts", "Split it into several rules or predicates."
        )
    return value


def _check(node: object, path: Path, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ExpressionError(
            "E3006",
            f"The expression is nested deeper than {MAX_DEPTH} levels",
            "Split it into several rules or predicates.",
            path=path,
        )
    if not isinstance(node, dict):
        raise ExpressionError(
            "E3007", "An expression is an object such as {var: name}", "See docs/ir.md for the forms.", path=path
        )
    check = _FORMS.get(frozenset(node))
    if check is None:
        raise ExpressionError(
            "E3007",
            f"No expression has the keys {', '.join(sorted(map(str, node)))[:80] or '(none)'}",
            "Use one of const, decimal, date, duration, list, var, func + args, cmp + args, and, or, not.",
            path=path,
        )
    check(node, path, depth)


def _check_const(node: Ast, path: Path, _: int) -> None:
    value = node["const"]
    if isinstance(value, str):
        if len(value) > MAX_STRING or not _is_unicode(value):
            raise ExpressionError(
                "E3005", f"A text constant is valid Unicode of at most {MAX_STRING} characters", path=(*path, "const")
            )
    elif isinstance(value, bool):
        return
    elif not isinstance(value, int) or abs(value) > MAX_SAFE_INTEGER:
        raise ExpressionError(
            "E3005",
            "A constant is text, true, false or an integer of at most 2^53 - 1",
            'Write a number with a fraction as {decimal: "0.35"}.',
            path=(*path, "const"),
        )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_decimal(node: Ast, path: Path, _: int) -> None:
    text = node["decimal"]
    if (
        not isinstance(text, str)
        or not DECIMAL_PATTERN.fullmatch(text)
        or sum(map(str.isdigit, text)) > MAX_DECIMAL_DIGITS
    ):
        raise ExpressionError(
            "E3005",
            f"A decimal is text such as 0.35 with at most {MAX_DECIMAL_DIGITS} digits, no exponent, no trailing zero",
            'Write {decimal: "0.35"}, or {const: 3} for an integer.',
            path=(*path, "decimal"),
        )


def _check_literal(key: str, parse: Callable[[str], object]) -> Callable[[Ast, Path, int], None]:
    def check(node: Ast, path: Path, _: int) -> None:
        text = node[key]
        try:
            if isinstance(text, str):
                parse(text)
                return
        except InvalidInput as error:
            raise ExpressionError("E3005", error.message, error.hint, path=(*path, key)) from error
        raise ExpressionError("E3005", f"A {key} is written as text", path=(*path, key))

    return check


def _check_var(node: Ast, path: Path, _: int) -> None:
    name = node["var"]
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise ExpressionError(
            "E3007",
            "A variable is a name of letters, digits and underscores, not starting with a digit",
            path=(*path, "var"),
        )


def _check_list(node: Ast, path: Path, depth: int) -> None:
    items = _array(node, "list", path)
    for index, item in enumerate(items):
        here = (*path, "list", index)
        _check(item, here, depth + 1)
        if not CONSTANT_FORMS & item.keys():
            raise ExpressionError("E3007", "A list holds constants only", "Write out its members.", path=here)


def _check_func(node: Ast, path: Path, depth: int) -> None:
    name, arguments = node["func"], _array(node, "args", path)
    if not isinstance(name, str) or name not in FUNCTIONS:
        raise ExpressionError(
            "E3002", f"There is no function {str(name)[:40]!r}", f"There are {', '.join(FUNCTIONS)}.", path=path
        )
    least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ExpressionError(
            "E3003", f"{name} takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(arguments)}", path=path
        )
    _check_all(arguments, (*path, "args"), depth)


def _check_cmp(node: Ast, path: Path, depth: int) -> None:
    arguments = _array(node, "args", path)
    if node["cmp"] not in COMPARISONS:
        raise ExpressionError(
            "E3007", "A comparison is one of " + ", ".join(COMPARISONS), "Write == for equality.", path=(*path, "cmp")
        )
    if len(arguments) != 2:
        raise ExpressionError("E3003", f"A comparison has two sides, not {len(arguments)}", path=path)
    _check_all(arguments, (*path, "args"), depth)


def _check_junction(key: str) -> Callable[[Ast, Path, int], None]:
    def check(node: Ast, path: Path, depth: int) -> None:
        operands = _array(node, key, path)
        if len(operands) < 2:
            raise ExpressionError("E3003", f"{key} joins at least two conditions", path=path)
        _check_all(operands, (*path, key), depth)

    return check


def _check_not(node: Ast, path: Path, depth: int) -> None:
    _check(node["not"], (*path, "not"), depth + 1)


def _check_all(nodes: Sequence[object], path: Path, depth: int) -> None:
    for index, node in enumerate(nodes):
        _check(node, (*path, index), depth + 1)


def _array(node: Ast, key: str, path: Path) -> list[Any]:
    value = node[key]
    if not isinstance(value, list):
        raise ExpressionError("E3007", f"{key} is a list", path=(*path, key))
    return value


_FORMS: Final[Mapping[frozenset[str], Callable[[Ast, Path, int], None]]] = {
    frozenset({"const"}): _check_const,
    frozenset({"decimal"}): _check_decimal,
    frozenset({"date"}): _check_literal("date", parse_date),
    frozenset({"duration"}): _check_literal("duration", parse_duration),
    frozenset({"var"}): _check_var,
    frozenset({"list"}): _check_list,
    frozenset({"func", "args"}): _check_func,
    frozenset({"cmp", "args"}): _check_cmp,
    frozenset({"and"}): _check_junction("and"),
    frozenset({"or"}): _check_junction("or"),
    frozenset({"not"}): _check_not,
}
