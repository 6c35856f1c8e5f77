"""Command lines in the console: the same words as in the shell, read and written from the operations' declarations.

`parse` and `spell` are inverse: what the activity log shows can be pasted into a terminal, and the other way round.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capctl.text.spelling import as_command_line, metavar, positionals, spellings, takes_many, value_type
from capctl.text.values import read_item
from capctl.tui.messages import Call
from engine.errors import InvalidInput
from engine.ops.spec import Danger, Operation, Param

PROGRAM = "capctl"
DRY_RUN = "--dry-run"
"""Option of every command that changes something: do everything, keep nothing."""
OUT = ("-o", "--out")
"""Option of every command that makes a document: the file it is written to."""
_SWITCH = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


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
    reading = _Reading(op)
    reading.read(words[len(op.command) :])
    return Call(op, reading.values, dry_run=reading.dry_run, document_file=reading.document_file)


def spell(call: Call, *, env: str = "") -> str:
    """Write a call as the command line that does the same. Arguments that have their default are left out.

    Args:
        call: The call.
        env: Its environment, for a line that is taken to another shell.
    """
    line = as_command_line(call.op, dict(call.arguments), env=env)
    if call.document_file:
        line = f"{line} {OUT[0]} {shlex.quote(call.document_file)}"
    return f"{line} {DRY_RUN}" if call.dry_run else line


def convert(param: Param, text: str) -> Any:
    """Read one argument.

    Raises:
        InvalidInput: It does not have the parameter's type, or is not one of its choices.
    """
    name = param.name.replace("_", " ")
    try:
        return _SWITCH[text.lower()] if value_type(param) is bool else read_item(param, text)
    except KeyError as error:
        raise InvalidInput("console.value", f"{text!r} is neither yes nor no", f"{name}: {param.arg.help}") from error
    except ValueError as error:
        raise InvalidInput("console.value", str(error), f"{name}: {param.arg.help}") from error


def convert_all(param: Param, text: str) -> Any:
    """Read what was typed for a parameter: where it may be given more than once, word by word as a shell does.

    Raises:
        InvalidInput: As `convert`; or a quotation mark is missing.
    """
    if not takes_many(param):
        return convert(param, text)
    try:
        return [convert(param, word) for word in shlex.split(text)]
    except ValueError as error:
        raise InvalidInput("console.quotes", "A quotation mark is missing", "Close the quotation.") from error


def usage(op: Operation) -> str:
    """A command with its placeholders: `rollout set PERCENT [--reason TEXT]`."""
    words = list(op.command)
    for param in op.params:
        word = metavar(param) if param.arg.positional else f"{spellings(param)[-1]} {metavar(param)}".rstrip()
        words.append(word if param.required else f"[{word}]")
    return " ".join(words)


def _find(words: Sequence[str], registry: Mapping[str, Operation]) -> Operation:
    by_command = {op.command: op for op in registry.values()}
    for length in range(len(words), 0, -1):
        if op := by_command.get(tuple(words[:length])):
            return op
    near = sorted(" ".join(command) for command in by_command if words and command[0].startswith(words[0][:3]))
    hint = f"Did you mean: {', '.join(near[:4])}?" if near else "? shows what there is."
    raise InvalidInput("console.no_command", f"{' '.join(words) or 'Nothing'!r} is no command", hint)


class _Reading:
    """The arguments of one command, as far as they have been read."""

    def __init__(self, op: Operation) -> None:
        self._op = op
        self._options = dict(_spellings(op))
        self.values: dict[str, Any] = {}
        self.dry_run = False
        self.document_file = ""

    def read(self, words: Sequence[str]) -> None:
        """Read every word after the command."""
        rest = iter(words)
        for word in rest:
            if word == "--":
                for late in rest:
                    self._positional(late)
            elif word.startswith("--") or word in self._options or (word in OUT and self._op.writes_document):
                self._option(word, rest)
            else:
                self._positional(word)
        for param in self._op.params:
            if param.required and param.name not in self.values:
                raise self._wrong("missing", f"{param.name.replace('_', ' ')} is missing")

    def _option(self, word: str, rest: Iterator[str]) -> None:
        if word == DRY_RUN and self._op.danger is not Danger.READ:
            self.dry_run = True
            return
        name, joined, text = word.partition("=")
        if self._op.writes_document and name in OUT:
            self.document_file = self._value(name, text if joined else next(rest, None))
            if self.document_file == "-":
                raise self._wrong("no_stdout", "Inside the console there is no standard output: name a file")
            return
        if name not in self._options:
            raise self._wrong("no_option", f"{' '.join(self._op.command)} has no option {name}")
        param = self._options[name]
        if value_type(param) is bool and not joined:
            self.values[param.name] = True
        else:
            self._put(param, self._value(name, text if joined else next(rest, None)))

    def _value(self, name: str, value: str | None) -> str:
        if value is None:
            raise self._wrong("no_value", f"{name} needs a value")
        return value

    def _positional(self, word: str) -> None:
        for param in positionals(self._op):
            if param.name not in self.values or takes_many(param):
                self._put(param, word)
                return
        raise self._wrong("too_many", f"{word!r} is one argument too many")

    def _put(self, param: Param, word: str) -> None:
        value = convert(param, word)
        self.values[param.name] = [*self.values.get(param.name, []), value] if takes_many(param) else value

    def _wrong(self, reason: str, message: str) -> InvalidInput:
        return InvalidInput(f"console.{reason}", message, f"Usage: {usage(self._op)}")


def _spellings(op: Operation) -> Iterator[tuple[str, Param]]:
    """Every way to spell an option."""
    for param in op.params:
        if not param.arg.positional:
            for name in spellings(param):
                yield name, param
