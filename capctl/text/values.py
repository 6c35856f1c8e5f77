"""Reads the values of options and arguments.

Typer would ask pydantic, whose import alone costs seven interpreters' start. A command line needs six conversions, and
its errors should say what would have been right.
"""

import math
from typing import Any

from capctl.text.spelling import takes_many, value_type
from engine.ops.spec import Param


def read_value(param: Param, value: Any) -> Any:
    """The typed value of a parameter.

    Args:
        param: What is read.
        value: Text from the command line, a list of texts, or the default.

    Raises:
        ValueError: The text is no such value; the message says so.
    """
    if value is None:
        return None
    if takes_many(param):
        return [read_item(param, item) for item in value]
    return read_item(param, value)


def read_item(param: Param, value: Any) -> Any:
    """One typed value of a parameter, which may take many. Raises ValueError as `read_value` does."""
    choices = param.arg.choices
    if choices and value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
    kind = value_type(param)
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
        raise ValueError(f"{value!r} is not a number")
    return number
