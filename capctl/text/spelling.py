"""How a parameter is spelt on a command line and in a help page."""

from __future__ import annotations

from typing import get_args, get_origin

from engine.ops.spec import Operation, Param

METAVARS = {str: "TEXT", int: "N", float: "X"}


def spellings(param: Param) -> tuple[str, ...]:
    """The flags of an option: its own, or `--its-name`."""
    return param.arg.flags or (f"--{param.name.replace('_', '-')}",)


def positionals(op: Operation) -> list[Param]:
    """The parameters spelt without a flag, in order."""
    return [param for param in op.params if param.arg.positional]


def takes_many(param: Param) -> bool:
    """Whether it may be given more than once."""
    return get_origin(param.type) is list


def value_type(param: Param) -> type:
    """The type of one value: `str` for `str`, `str | None` and `list[str]`."""
    types = [kind for kind in get_args(param.type) if kind is not type(None)]
    kind: type = types[0] if types else param.type
    return kind


def metavar(param: Param) -> str:
    """The placeholder of its value; empty for a switch."""
    if param.arg.metavar:
        return param.arg.metavar
    if param.arg.choices:
        return "|".join(param.arg.choices)
    if param.arg.positional:
        return param.name.upper()
    return METAVARS.get(value_type(param), "")


def as_command_line(op: Operation, arguments: dict[str, object], *, env: str = "") -> str:
    """The `capctl ...` line that runs an operation with these arguments; defaults are left out.

    Args:
        op: The operation.
        arguments: By name.
        env: The environment it acts in; empty where the line is not for another shell.
    """
    import shlex

    given = [(param, arguments[param.name]) for param in op.params if param.name in arguments]
    words = ["capctl", *op.command]
    for param, value in given:
        if value == param.default or value is None:
            continue
        values = [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
        if param.arg.positional:
            words += values
        elif value is True:
            words.append(spellings(param)[-1])
        else:
            words += [word for item in values for word in (spellings(param)[-1], item)]
    return shlex.join([*words, "--env", env] if env else words)
