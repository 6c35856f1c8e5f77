"""Help pages, rendered from the declarations themselves.

The same pages serve `--help` before Typer is even imported (`quick_page`) and inside it (`capctl.cli.bind`): a page
costs little more than the interpreter, and there is one way it looks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from capctl.cli.commands import Words, children, command_at, find, summary_of
from capctl.cli.options import options_of
from capctl.cli.terminal import FALLBACK_WIDTH, wants_color, width_of
from capctl.text.layout import Block, Facts, Gap, Line, Tone, render
from capctl.text.spelling import metavar, positionals, spellings, takes_many
from engine.ops.spec import Operation, Param

HELP_FLAGS: Final = ("--help", "-h")
MAX_WIDTH: Final = 100
"""Longer lines are harder to read, however wide the terminal."""

TAGLINE: Final = "Control room for taking a compliance policy from dry-run to enforced."
EXIT_CODES: Final = (
    "0 done, open or ok; 1 unexpected error; 2 wrong usage; 3 the answer is no; 4 hold: not yet, or not allowed; "
    "5 something needed is unavailable; 6 conflict."
)


def quick_page(argv: list[str], *, prog: str, only: tuple[str, ...] = ()) -> str | None:
    """The page a command line asks for, when it plainly asks for one; else None, and Typer decides."""
    words, rest = find(argv)
    if only and words and words[0] not in only:
        return None
    if not any(flag in rest for flag in HELP_FLAGS) or "--" in rest:
        return None
    if not words and rest[0] not in HELP_FLAGS:
        return None
    if words and children(words) and rest[0] not in HELP_FLAGS and not rest[0].startswith("-"):
        return None
    return page(words, prog=prog, only=only)


def page(words: Words, *, prog: str = "capctl", only: tuple[str, ...] = ()) -> str:
    """The help page of a command or group, laid out for stdout."""
    width = min(width_of(sys.stdout) or FALLBACK_WIDTH, MAX_WIDTH)
    blocks = _blocks(words, prog, only)
    return "\n".join(render(blocks, width=width, color=wants_color(sys.stdout, no_color=False)))


def _blocks(words: Words, prog: str, only: tuple[str, ...]) -> Iterator[Block]:
    op = None if only and not words else command_at(words)
    yield Line(_usage(words, op, prog))
    yield Gap()
    yield Line(TAGLINE if not words else op.summary if op else summary_of(words) + ".")
    if op and op.description:
        for paragraph in op.description.split("\n\n"):
            yield Gap()
            yield Line(" ".join(paragraph.split()))
    if inner := only if not words and only else children(words):
        yield from _section("Commands", [(word, _title((*words, word))) for word in inner])
    if op:
        yield from _section("Arguments", [(metavar(param), _explain(param)) for param in positionals(op)])
        own = [param for param in op.params if not param.arg.positional]
        yield from _section("Options", [(_spell(param), _explain(param)) for param in own])
        yield from _section("Every command", [(_spell(param), _explain(param)) for param in options_of(op)])
    if not words:
        yield from _section("Exit codes", [("", EXIT_CODES)])


def _title(words: Words) -> str:
    """The first sentence of a command's summary: the others qualify it."""
    return summary_of(words).partition(". ")[0].partition(": exit code")[0]


def _usage(words: Words, op: Operation | None, prog: str) -> str:
    line = ["Usage:", prog, *words]
    if children(words):
        line.append("[COMMAND]" if op else "COMMAND")
    for param in positionals(op) if op else ():
        name = metavar(param) + ("..." if takes_many(param) else "")
        line.append(name if param.required else f"[{name}]")
    return " ".join([*line, "[OPTIONS]"] if op else line)


def _section(title: str, rows: list[tuple[str, str]]) -> Iterator[Block]:
    if rows:
        yield Gap()
        yield Line(title, Tone.STRONG)
        yield Facts([("  " + label if label else " ", text) for label, text in rows])


def _spell(param: Param) -> str:
    return ", ".join(spellings(param)) + (f" {value}" if (value := metavar(param)) else "")


def _explain(param: Param) -> str:
    if param.required:
        return param.arg.help if param.arg.positional else f"{param.arg.help} (required)"
    return f"{param.arg.help} (default: {param.default})" if param.default else param.arg.help
