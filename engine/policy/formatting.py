"""JSON AST back to expression text, with as few parentheses as the grammar needs."""

from __future__ import annotations

import json

from engine.policy.expression import COMPARISON_LEVEL, LEVELS, NOT_LEVEL
from engine.policy.ir import Ast

_ATOM = max(LEVELS.values()) + 1


def format_expression(ast: Ast) -> str:
    """Write an expression as text that `parse_expression` reads back to the same AST."""
    return _write(ast)[0]


def _write(node: Ast) -> tuple[str, int]:
    """The text of a node and how tightly its outermost operator binds."""
    match node:
        case {"and": operands} | {"or": operands}:
            word = "and" if "and" in node else "or"
            return f" {word} ".join(_inside(operand, LEVELS[word] + 1) for operand in operands), LEVELS[word]
        case {"not": operand}:
            return f"not {_inside(operand, NOT_LEVEL)}", NOT_LEVEL
        case {"cmp": comparison, "args": [left, right]}:
            sides = _inside(left, COMPARISON_LEVEL + 1), _inside(right, COMPARISON_LEVEL + 1)
            return f"{sides[0]} {comparison} {sides[1]}", COMPARISON_LEVEL
        case {"func": "add" | "sub" as name, "args": [left, right]}:
            sign = "+" if name == "add" else "-"
            return f"{_inside(left, LEVELS[sign])} {sign} {_inside(right, _ATOM)}", LEVELS[sign]
        case {"func": name, "args": arguments}:
            return f"{name}({', '.join(_write(argument)[0] for argument in arguments)})", _ATOM
        case {"list": items}:
            return f"[{', '.join(_write(item)[0] for item in items)}]", _ATOM
    return _literal(node), _ATOM


def _inside(node: Ast, tightest: int) -> str:
    text, level = _write(node)
    return text if level >= tightest else f"({text})"


def _literal(node: Ast) -> str:
    [(form, value)] = node.items()
    if form == "const" and not isinstance(value, int):
        return json.dumps(value, ensure_ascii=False)
    if form == "const" and isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
