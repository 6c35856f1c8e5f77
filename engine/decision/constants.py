"""Constants of an expression, from JSON AST to values."""

from __future__ import annotations

from typing import Any

from engine.policy.ast import CONSTANT_FORMS
from engine.policy.ir import Ast
from engine.policy.literals import parse_date, parse_duration


def is_constant(ast: Ast) -> bool:
    """Whether a checked expression is a constant or a list of constants."""
    return bool(ast.keys() & CONSTANT_FORMS) or "list" in ast


def constant_of(ast: Ast) -> Any:
    """The value of a constant or of a list of constants.

    A decimal becomes the nearest binary64, as numbers in a JSON context do: a limit of 0.35 equals a 0.35 that came.

    Args:
        ast: An expression that passed `check_ast`.
    """
    match ast:
        case {"const": value}:
            return value
        case {"decimal": text}:
            return float(text)
        case {"date": text}:
            return parse_date(text)
        case {"duration": text}:
            return parse_duration(text)
    return [constant_of(item) for item in ast["list"]]
