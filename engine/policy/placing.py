"""Expressions in a source tree, as text or as data, with the place of every part."""

from __future__ import annotations

from typing import Any

from engine.policy.ast import ExpressionError, Path, check_ast
from engine.policy.expression import parse_with_offsets
from engine.policy.findings import Position
from engine.policy.literals import canonical_decimal
from engine.policy.source import ListNode, MapNode, Node, ScalarNode
from engine.policy.written import WrittenExpression


class MisplacedError(Exception):
    """An expression is wrong, at a place in the source."""

    def __init__(self, cause: ExpressionError, at: Position) -> None:
        super().__init__(cause.message)
        self.cause = cause
        self.at = at


def read_expression(node: Node) -> WrittenExpression:
    """The expression that a value of the source is: text in the expression language, a bare constant, or an AST.

    Raises:
        MisplacedError: It is none.
    """
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return _from_text(node.value, node)
    return _from_data(node)


def _from_text(text: str, node: ScalarNode) -> WrittenExpression:
    try:
        parsed = parse_with_offsets(text)
    except ExpressionError as error:
        raise MisplacedError(error, _shifted(node, error.offset)) from error
    places = {key: _shifted(node, offset) for key, offset in parsed.offsets.items()}
    return WrittenExpression(parsed.ast, node.at, places)


def _shifted(node: ScalarNode, offset: int) -> Position:
    start = node.text_at
    return Position(start.line, start.column + offset) if start else node.at


def _from_data(node: Node) -> WrittenExpression:
    places: dict[int, Position] = {}
    ast = _ast_data(node, places)
    try:
        return WrittenExpression(check_ast(ast), node.at, places)
    except ExpressionError as error:
        raise MisplacedError(error, _tree_position(node, error.path)) from error


def _ast_data(node: Node, places: dict[int, Position]) -> Any:
    """A value of the tree as AST: bare values are constants, and a list of them is a list."""
    match node:
        case ScalarNode(value):
            ast: dict[str, Any] = _constant(node) if isinstance(value, float) else {"const": value}
        case ListNode(items):
            ast = {"list": [_ast_data(item, places) for item in items]}
        case MapNode(entries):
            ast = {key: _operands(entry.value, places) for key, entry in entries.items()}
    places[id(ast)] = node.at
    return ast


def _constant(node: ScalarNode) -> dict[str, Any]:
    value = canonical_decimal(node.text)
    return {"const": value} if isinstance(value, int) else {"decimal": value}


def _operands(node: Node, places: dict[int, Position]) -> Any:
    """What stands under a key of a node: further nodes, or the plain value of a constant, a name, an operator."""
    match node:
        case ScalarNode(value):
            return value
        case ListNode(items):
            return [_ast_data(item, places) for item in items]
        case MapNode():
            return _ast_data(node, places)


def _tree_position(node: Node, path: Path) -> Position:
    for step in path:
        if isinstance(node, MapNode) and step in node.entries:
            node = node.entries[str(step)].value
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
    return node.at
