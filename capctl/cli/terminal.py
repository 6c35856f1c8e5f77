"""What a stream can show."""

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
