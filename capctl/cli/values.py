"""Reads the values of options and arguments.

Typer would ask pydantic, whose import alone costs seven interpreters' start. A command line needs six conversions, and
its errors should say what would have been right.
"""

from __future__ import annotations

import math
from typing import Any

import typer

from capctl.cli.spelling import takes_many, value_type
from engine.ops.spec import Param


class Reader:
    """Reads the value of one parameter; stands where Typer keeps its own `RuntimeParam`."""

    def __init__(self, param: Param) -> None:
        self._param = param

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, typed.

        Args:
            value: Text from the command line, a list of texts, or the default.
            param: Typer's parameter, which error messages name.
            ctx: Typer's context.

        Raises:
            typer.BadParameter: The text is no such value.
        """
        if value is None:
            return None
        try:
            if takes_many(self._param):
                return [self._read(item) for item in value]
            return self._read(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx, param) from None

    def _read(self, value: Any) -> Any:
        choices = self._param.arg.choices
        if choices and value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        kind = value_type(self._param)
        if kind is int:
            return _whole_number(value)
        return _number(value) if kind is float else value


def _whole_number(value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number") from None


def _number(value: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a number") from None
    return number
