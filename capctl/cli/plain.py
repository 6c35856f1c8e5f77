"""Understands the plain form of a command line without Typer, whose import costs as much as everything else together.

Plain is: the words of a command, arguments, and options spelt in full, each once, with a value that does not begin with
a dash. Whatever is not plain, or not right, is Typer's: it knows every form, and it explains what is wrong. A property
test holds the two to the same reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from capctl.cli.commands import children, command_at, find
from capctl.cli.options import Options, options_of
from capctl.text.spelling import positionals, spellings, takes_many
from capctl.text.values import read_value
from engine.ops.spec import Operation, Param


class Invocation(NamedTuple):
    """A command line that was understood."""

    op: Operation
    arguments: dict[str, Any]
    options: Options


class _NotPlainError(Exception):
    """Typer has to look at it."""


def read_plain(argv: list[str], *, only: tuple[str, ...] = ()) -> Invocation | None:
    """Read a command line that is plain and right; None for any other.

    Args:
        argv: The words after the program's name.
        only: The first words the program offers; empty for all.
    """
    words, rest = find(argv)
    op = command_at(words)
    if op is None or children(words) or (only and words[0] not in only):
        return None
    common = options_of(op)
    try:
        given = _read(op, (*op.params, *common), rest)
    except (_NotPlainError, ValueError):
        return None
    options = Options(**{param.name: given.pop(param.name) for param in common})
    return Invocation(op, given, options)


def _read(op: Operation, params: tuple[Param, ...], rest: list[str]) -> dict[str, Any]:
    """Every parameter's value, given or by default."""
    arguments, texts = _sort(params, rest)
    texts |= _assign(positionals(op), arguments)
    values: dict[str, Any] = {}
    for param in params:
        if param.name in texts:
            values[param.name] = read_value(param, texts[param.name])
        elif param.required:
            raise _NotPlainError
        else:
            values[param.name] = param.default
    return values


def _sort(params: tuple[Param, ...], rest: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The arguments in order, and the options by name."""
    flags = {flag: param for param in params if not param.arg.positional for flag in spellings(param)}
    arguments: list[str] = []
    texts: dict[str, Any] = {}
    remaining = iter(rest)
    for word in remaining:
        if not word.startswith("-") or word == "-":
            arguments.append(word)
            continue
        flag, equals, value = word.partition("=")
        param = flags.get(flag)
        if (
            param is None
            or takes_many(param)
            or param.name in texts
            or (equals and (param.type is bool or not flag.startswith("--")))
        ):
            raise _NotPlainError
        texts[param.name] = True if param.type is bool else value if equals else _next(remaining)
    return arguments, texts


def _next(remaining: Iterator[str]) -> str:
    value = next(remaining, "--")
    if value.startswith("-") and value != "-":
        raise _NotPlainError
    return value


def _assign(places: list[Param], arguments: list[str]) -> dict[str, Any]:
    """The arguments by name; a parameter that takes many takes them all."""
    if len(places) == 1 and takes_many(places[0]) and arguments:
        return {places[0].name: arguments}
    if len(arguments) > len(places):
        raise _NotPlainError
    return {param.name: text for param, text in zip(places, arguments, strict=False)}
