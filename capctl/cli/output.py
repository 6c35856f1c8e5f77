"""What goes to stdout: the result, as text or JSON, and nothing else.

JSON is one document with sorted keys; a stream is JSON lines. Both hold only finite numbers (RFC 8259).
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from typing import Any, TextIO

from capctl.cli.diagnostics import BY_ANSWER, ExitCode, output_lost
from capctl.cli.options import Options
from capctl.cli.terminal import wants_color, width_of
from capctl.text.document import to_json_text
from capctl.text.layout import render
from engine.ops.spec import Operation


def show(op: Operation, result: Any, options: Options, out: TextIO | None = None) -> ExitCode:
    """Write a result and return what it means to a script: its answer, or that of a stream's last event.

    Args:
        op: Where the result comes from.
        result: What it returned; an iterator of events is written as they come.
        options: How to write it.
        out: Where to; stdout unless given.
    """
    stream = out or sys.stdout
    if result is None:
        return ExitCode.DONE
    if not isinstance(result, Iterator):
        return _write(op, result, options, stream)
    exit_code = ExitCode.DONE
    try:
        for event in result:
            exit_code = _write(op, event, options, stream, streaming=True)
    finally:
        # What an interrupted stream holds (processes, a store) is let go of now, not when it is collected.
        if isinstance(result, Generator):
            result.close()
    return exit_code


def _write(op: Operation, result: Any, options: Options, stream: TextIO, *, streaming: bool = False) -> ExitCode:
    write("".join(line + "\n" for line in lines(op, result, options, stream, streaming=streaming)), stream)
    return BY_ANSWER[getattr(result, "answer", "yes")]


def write(content: str | bytes, stream: TextIO) -> None:
    """Write all of it, now.

    Raises:
        BrokenPipeError: Nobody reads any more.
        Unavailable: It cannot be written, for want of space for example.
    """
    try:
        if isinstance(content, bytes):
            stream.buffer.write(content)
        else:
            stream.write(content)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise output_lost(error) from error


def lines(op: Operation, result: Any, options: Options, stream: TextIO, *, streaming: bool) -> Iterable[str]:
    """A result as lines of text or JSON."""
    if options.as_json:
        return (to_json_text(result, compact=streaming),)
    from capctl.text.views.select import view_of

    blocks = view_of(op)(result)
    return render(blocks, width=width_of(stream), color=wants_color(stream, no_color=options.no_color))
