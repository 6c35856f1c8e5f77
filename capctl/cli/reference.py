"""Writes docs/operations.md: every command from its declaration. `make docs` runs it; a test holds the file to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from capctl.cli.commands import LOCAL, Words, command_at
from capctl.cli.options import options_of
from capctl.text.spelling import metavar, positionals, spellings, takes_many
from engine.ops.catalogue import REGISTRY
from engine.ops.groups import GROUPS
from engine.ops.spec import EMPTY, Danger, Operation, Param

PREAMBLE = """\
# Operations

Every action of capctl: as a command, and, where a key is given, in the control room. This page is made from the
declarations in `engine/ops` by `make docs`; do not edit it.

Data goes to stdout, everything else to stderr. What the exit codes mean is in [exit-codes.md](exit-codes.md).
"""

DANGERS = {
    Danger.READ: "Changes nothing.",
    Danger.WRITE: "Changes state; recorded in the audit trail; asks for confirmation in production.",
    Danger.IRREVERSIBLE: "Cannot be undone; recorded in the audit trail; always asks for confirmation.",
}
SAFE_WRITE = "Changes state; recorded in the audit trail; leads back to safety, so it never asks."


def reference() -> str:
    """The whole page."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield PREAMBLE
    yield from _common_options()
    local = [op for words in LOCAL if (op := command_at(words)) and op.id not in REGISTRY]
    for word, group in GROUPS.items():
        members = [op for op in (*local, *REGISTRY.values()) if op.command[:1] == (word,)]
        if group.summary:
            yield f"## {group.summary}\n"
        for op in members:
            yield from _command(op, level=3 if group.summary else 2)
    for op in local:
        if not op.command or op.command[0] not in GROUPS:
            yield from _command(op, level=2)


def _common_options() -> Iterator[str]:
    yield "## Options of every command\n"
    shared = [param for param in options_of(next(iter(REGISTRY.values()))) if param.name != "document_file"]
    yield from _parameters(shared)
    yield "Commands that change something also take `--dry-run`: everything is done for real and nothing is kept."
    yield "Commands that make a document also take `-o FILE` (`-o -` is stdout); the file is replaced in one step.\n"


def _command(op: Operation, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{_invocation(op.command, op)}`\n"
    yield f"{op.summary}\n"
    if op.description:
        yield f"{op.description}\n"
    danger = SAFE_WRITE if op.restores_safety else DANGERS[op.danger]
    streams = " Streams events; with `--output json` one JSON line each." if op.streams else ""
    key = f" Key in the control room: `{op.key}`." if op.key else ""
    yield f"Operation `{op.id}`. {danger}{streams}{key}\n"
    if op.params:
        yield from _parameters(op.params)


def _invocation(words: Words, op: Operation) -> str:
    arguments = (metavar(param) + ("..." if takes_many(param) else "") for param in positionals(op))
    return " ".join(["capctl", *words, *arguments])


def _parameters(params: tuple[Param, ...] | list[Param]) -> Iterator[str]:
    yield "| option | meaning | default |\n| --- | --- | --- |"
    for param in params:
        spelt = metavar(param) if param.arg.positional else ", ".join(spellings(param)) + f" {metavar(param)}"
        code = spelt.rstrip().replace("|", "\\|")
        yield f"| `{code}` | {param.arg.help} | {_default(param)} |"
    yield ""


def _default(param: Param) -> str:
    if param.default is EMPTY:
        return "required"
    return "" if param.default in (None, "", False) else f"`{param.default}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
