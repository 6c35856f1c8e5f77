"""What the standard streams can take: characters, colour, columns, and anything at all."""

import io
import os
import sys
from typing import Final, TextIO

FALLBACK_WIDTH: Final = 80


def be_lenient() -> None:
    """Let stdout and stderr show what their encoding lacks as an escape: it must not turn a result into an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def fill_missing() -> None:
    """Put the null device where stdin, stdout or stderr was closed before the program began.

    Who closed it wants nothing from it: the exit code still answers. And no file opened later may get its number.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def discard_stdout() -> None:
    """Let what is still buffered go nowhere: flushing it when the interpreter ends would fail once more."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def wants_color(stream: TextIO, *, no_color: bool) -> bool:
    """Whether to colour: only a terminal, and not against the user's word (https://no-color.org)."""
    return not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def width_of(stream: TextIO) -> int | None:
    """Columns to lay text out in: `COLUMNS`, else the terminal's; None for files and pipes."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or FALLBACK_WIDTH
    except (OSError, ValueError):
        return None
