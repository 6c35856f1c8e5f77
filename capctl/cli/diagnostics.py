"""What goes to stderr, and the exit codes: the one place where an error becomes a number.

An error is one line of what happened and one of what to do. With `--output json` it is also a JSON object on stdout, so
that a script reads one stream. There is never a traceback, unless `CAPCTL_DEBUG=1` asks for it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum
from itertools import pairwise
from typing import Final, NamedTuple, TextIO

from capctl.cli.terminal import discard_stdout
from engine.errors import Conflict, EngineError, Held, InvalidInput, Refused, Unavailable, printable

MAX_LINE: Final = 400
"""Longest message shown, in characters: what a user typed may come back in it."""


class ExitCode(IntEnum):
    """What a script learns without reading anything; documented in docs/exit-codes.md."""

    DONE = 0
    """Done; the gate is open; the verdict is ok."""
    UNEXPECTED = 1
    USAGE = 2
    NO = 3
    """The answer is no: the gate is closed, the verdict is fail, a check failed."""
    HOLD = 4
    """Not enough evidence, not signed, not allowed."""
    UNAVAILABLE = 5
    """A file, a store or a server that is needed cannot be had."""
    CONFLICT = 6
    """Someone else changed it, or the id stands for other content."""
    INTERRUPTED = 130
    """Ctrl-C: 128 + SIGINT, as shells report it."""
    PIPE_CLOSED = 141
    """The reader of stdout went away: 128 + SIGPIPE. Never 0, or `gate check | true` would read as a yes."""


BY_ERROR: Final[tuple[tuple[type[EngineError], ExitCode], ...]] = (
    (InvalidInput, ExitCode.USAGE),
    (Refused, ExitCode.NO),
    (Held, ExitCode.HOLD),
    (Unavailable, ExitCode.UNAVAILABLE),
    (Conflict, ExitCode.CONFLICT),
)

BY_ANSWER: Final = {"yes": ExitCode.DONE, "no": ExitCode.NO, "hold": ExitCode.HOLD}


class Problem(NamedTuple):
    """An error as a surface shows it."""

    exit_code: ExitCode
    code: str
    message: str
    hint: str


def diagnose(error: Exception) -> Problem:
    """Say what an exception means to whoever ran the command. Unknown exceptions keep their text to themselves."""
    if isinstance(error, EngineError):
        exit_code = next((code for kind, code in BY_ERROR if isinstance(error, kind)), ExitCode.UNEXPECTED)
        return Problem(exit_code, error.code, one_line(error.message), one_line(error.hint))
    return Problem(
        ExitCode.UNEXPECTED,
        "cli.unexpected",
        f"Something unexpected happened ({type(error).__name__})",
        "Run it again with CAPCTL_DEBUG=1 and report what it prints.",
    )


def output_lost(error: OSError) -> Unavailable:
    """Stdout does not take the result. What the command did, it did; what is still buffered is given up."""
    discard_stdout()
    reason = (error.strerror or "the device reports an error").lower()
    return Unavailable(
        "cli.output_lost",
        f"The result cannot be written to stdout: {reason}",
        "Send it somewhere else; 'capctl status' tells what a command has changed.",
    )


def usage_problem(message: str, command: str) -> Problem:
    """A command line that cannot be understood."""
    hint = f"Run '{command} --help' to see what it takes."
    return Problem(ExitCode.USAGE, "cli.usage", one_line(message).rstrip("."), hint)


def report(problem: Problem, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> ExitCode:
    """Tell the user, and return the exit code.

    Args:
        problem: What to tell.
        as_json: Whether stdout carries JSON.
        out: Where data goes; stdout unless given.
        err: Where narration goes; stderr unless given.
    """
    if as_json:
        document = {"error": {"code": problem.code, "message": problem.message, "hint": problem.hint}}
        with suppress(OSError):  # a stdout that takes nothing must not hide the error from stderr
            print(json.dumps(document, ensure_ascii=False), file=out or sys.stdout, flush=True)
    narrate(f"capctl: {problem.message}", err)
    if problem.hint:
        narrate(f"hint: {problem.hint}", err)
    return problem.exit_code


def narrate(line: str, err: TextIO | None = None) -> None:
    """One line on stderr, where that takes it: the exit code must reach the caller even if the words do not."""
    with suppress(OSError):
        print(line, file=err or sys.stderr, flush=True)


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, so that nothing a file says can drive a terminal."""
    line = " ".join(printable(text).split())
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def wants_json(argv: Sequence[str]) -> bool:
    """Whether stdout is to carry JSON, read from words that could not be parsed."""
    return "--output=json" in argv or ("--output", "json") in pairwise(argv)


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get("CAPCTL_DEBUG", "") not in ("", "0")
