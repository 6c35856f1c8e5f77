"""The tree of commands: the operations of the engine, and the few that only a command line has.

Looking something up imports the module that declares it and nothing more.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, TypeAlias

from engine.ops.groups import GROUPS, operations
from engine.ops.spec import Operation

Words: TypeAlias = tuple[str, ...]

LOCAL: Final[dict[Words, str]] = {
    (): "capctl.cli.console",
    ("demo",): "capctl.cli.demo",
    ("serve",): "capctl.cli.serve",
    ("web",): "capctl.cli.web",
}
"""Commands that no other surface has: each module declares one as `COMMAND`."""


def local_command(words: Words) -> Operation | None:
    """The command line's own command of these words."""
    if words not in LOCAL:
        return None
    command: Operation = import_module(LOCAL[words]).COMMAND
    return command


def command_at(words: Words) -> Operation | None:
    """The command of exactly these words; None when there is none (a group, or nothing)."""
    if words and words[0] in GROUPS and (found := operations(words[0]).get(words)):
        return found
    return local_command(words)


def children(words: Words) -> tuple[str, ...]:
    """The words that may follow these, in the order of help pages."""
    if not words:
        return tuple(dict.fromkeys([*GROUPS, *(first for first, *_ in filter(None, LOCAL))]))
    if words[0] not in GROUPS:
        return ()
    commands = (command for command in operations(words[0]) if command[: len(words)] == words)
    return tuple(dict.fromkeys(command[len(words)] for command in commands if len(command) > len(words)))


def summary_of(words: Words) -> str:
    """One line about a command or a group."""
    if len(words) == 1 and words[0] in GROUPS and GROUPS[words[0]].summary:
        return GROUPS[words[0]].summary
    command = command_at(words)
    return command.summary.rstrip(".") if command else ""


def find(argv: list[str]) -> tuple[Words, list[str]]:
    """The longest command or group that a command line begins with, and what follows it."""
    words: Words = ()
    for position, word in enumerate(argv):
        if word not in children(words):
            return words, argv[position:]
        words = (*words, word)
    return words, []
