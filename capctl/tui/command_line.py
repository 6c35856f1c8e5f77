"""Command lines in the console: the same words as in the shell, read and written from the operations' declarations.

`parse` and `spell` are inverse: what the activity log shows can be pasted into a terminal, and the other way round.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from capctl.tui.messages import Call
from engine.errors import InvalidInput
from engine.ops.spec import Operation, Param

PROGRAM = "capctl"


def parse(line: str, registry: Mapping[str, Operation]) -> Call:
    """Read a command line.

    Args:
        line: With or without the leading `capctl`.
        registry: The operations there are.

    Raises:
        InvalidInput: It is no command, or its arguments do not fit.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InvalidInput("console.quotes", "A quotation mark is missing", "Close the quotation.") from error
    if words[:1] == [PROGRAM]:
        words = words[1:]
    op = _find(words, registry)
    return Call(op, _arguments(op, words[len(op.command) :]))


def spell(call: Call) -> str:
    """Write a call as the command line that does the same. Arguments that have their default are left out."""
    words = [PROGRAM, *call.op.command]
    positional: list[str] = []
    for param in call.op.params:
        value = call.arguments.get(param.name, param.default)
        if value is None or value == param.default:
            continue
        if param.arg.positional:
            positional.extend(map(str, value) if isinstance(value, list | tuple) else [str(value)])
        elif _plain_type(param) is bool:
            words.append(flag(param) if value else "--no-" + flag(param)[2:])
        else:
            words.extend(part for item in _items(value) for part in (flag(param), str(item)))
    if any(word.startswith("-") for word in positional):
        positional.insert(0, "--")
    return shlex.join([*words, *positional])


def flag(param: Param) -> str:
    """The long spelling of an option: `drift_max` is `--drift-max`."""
    spelled = [name for name in param.arg.flags if name.startswith("--")]
    return (spelled[0] if spelled else "--" + param.name.replace("_", "-")).partition("/")[0]


def convert(param: Param, text: str) -> Any:
    """Read one argument.

    Raises:
        InvalidInput: It does not have the parameter's type, or is not one of its choices.
    """
    if param.arg.choices and text not in param.arg.choices:
        raise InvalidInput(
            "console.choice",
            f"{text!r} is no {param.name.replace('_', ' ')}",
            f"It is one of {', '.join(param.arg.choices)}.",
        )
    wanted = _plain_type(param)
    try:
        if wanted is bool:
            return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}[text.lower()]
        return wanted(text) if wanted in (int, float, Path) else text
    except (KeyError, ValueError) as error:
        raise InvalidInput(
            "console.type", f"{text!r} is no {_kind(wanted)}", f"{param.name.replace('_', ' ')}: {param.arg.help}"
        ) from error


def usage(op: Operation) -> str:
    """A command with its placeholders: `rollout set PERCENT [--reason TEXT]`."""
    words = list(op.command)
    for param in op.params:
        placeholder = param.arg.metavar or param.name.upper()
        if param.arg.positional:
            words.append(placeholder if param.required else f"[{placeholder}]")
        else:
            option = flag(param) if _plain_type(param) is bool else f"{flag(param)} {placeholder}"
            words.append(option if param.required else f"[{option}]")
    return " ".join(words)


def _find(words: Sequence[str], registry: Mapping[str, Operation]) -> Operation:
    by_command = {op.command: op for op in registry.values()}
    for length in range(len(words), 0, -1):
        if op := by_command.get(tuple(words[:length])):
            return op
    near = sorted(" ".join(command) for command in by_command if words and command[0].startswith(words[0][:3]))
    hint = f"Did you mean: {', '.join(near[:4])}?" if near else "? shows what there is."
    raise InvalidInput("console.no_command", f"{' '.join(words) or 'Nothing'!r} is no command", hint)


def _arguments(op: Operation, words: Sequence[str]) -> dict[str, Any]:
    options = dict(_spellings(op))
    positional = [param for param in op.params if param.arg.positional]
    values: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if word == "--":
            for late in rest:
                _take_positional(op, positional, values, late)
        elif word.startswith("--") or (len(word) > 1 and word in options):
            name, joined, text = word.partition("=")
            _take_option(op, options, values, name, text if joined else None, rest)
        else:
            _take_positional(op, positional, values, word)
    for param in op.params:
        if param.required and param.name not in values:
            raise InvalidInput("console.missing", f"{param.name.replace('_', ' ')} is missing", f"Usage: {usage(op)}")
    return values


def _take_option(
    op: Operation,
    options: Mapping[str, tuple[Param, bool | None]],
    values: dict[str, Any],
    name: str,
    text: str | None,
    rest: Iterator[str],
) -> None:
    if name not in options:
        raise InvalidInput("console.no_option", f"{' '.join(op.command)} has no option {name}", f"Usage: {usage(op)}")
    param, switch = options[name]
    if switch is not None and text is None:
        values[param.name] = switch
        return
    value = text if text is not None else next(rest, None)
    if value is None:
        raise InvalidInput("console.no_value", f"{name} needs a value", f"Usage: {usage(op)}")
    _put(param, values, convert(param, value))


def _take_positional(op: Operation, params: Sequence[Param], values: dict[str, Any], word: str) -> None:
    for param in params:
        if param.name not in values or _is_list(param):
            _put(param, values, convert(param, word))
            return
    raise InvalidInput("console.too_many", f"{word!r} is one argument too many", f"Usage: {usage(op)}")


def _put(param: Param, values: dict[str, Any], value: Any) -> None:
    values[param.name] = [*values.get(param.name, []), value] if _is_list(param) else value


def _spellings(op: Operation) -> Iterator[tuple[str, tuple[Param, bool | None]]]:
    """Every way to spell an option, with what it switches to where it takes no value."""
    for param in op.params:
        if param.arg.positional:
            continue
        is_switch = _plain_type(param) is bool
        for name in {flag(param), *(spelled.partition("/")[0] for spelled in param.arg.flags)}:
            yield name, (param, True if is_switch else None)
        if is_switch:
            yield "--no-" + flag(param)[2:], (param, False)


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _is_list(param: Param) -> bool:
    return getattr(param.type, "__origin__", None) is list


def _plain_type(param: Param) -> Any:
    """The type of one value: `int` for `int | None`, `str` for `list[str]`."""
    options = [option for option in get_args(param.type) if option is not NoneType]
    return options[0] if options else param.type


def _kind(wanted: Any) -> str:
    return {int: "whole number", float: "number", bool: "yes or no", Path: "path"}.get(wanted, "text")
