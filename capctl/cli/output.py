"""What goes to stdout: the result, as text or JSON, and nothing else.

JSON is one document with sorted keys; a stream is JSON lines. Both hold only finite numbers (RFC 8259).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from capctl.cli.diagnostics import BY_ANSWER, ExitCode
from capctl.cli.layout import render
from capctl.cli.options import Options
from capctl.cli.terminal import wants_color, width_of
from engine.ops.spec import Operation


def show(op: Operation, result: Any, options: Options, out: TextIO | None = None) -> ExitCode:
    """Write a result and return what it means to a script.

    Args:
        op: Where the result comes from.
        result: What it returned; an iterator of events is written as they come.
        options: How to write it.
        out: Where to; stdout unless given.
    """
    stream = out or sys.stdout
    exit_code = ExitCode.DONE
    for event in result if isinstance(result, Iterator) else (result,):
        for line in lines(op, event, options, stream, streaming=isinstance(result, Iterator)):
            stream.write(line + "\n")
        stream.flush()
        exit_code = BY_ANSWER.get(getattr(event, "answer", "yes"), ExitCode.UNEXPECTED)
    return exit_code


def lines(op: Operation, result: Any, options: Options, stream: TextIO, *, streaming: bool) -> Iterable[str]:
    """A result as lines of text or JSON."""
    if options.as_json:
        return (to_json_text(result, compact=streaming),)
    from capctl.cli.views.select import view_of

    blocks = view_of(op)(result)
    return render(blocks, width=width_of(stream), color=wants_color(stream, no_color=options.no_color))


def to_json_text(result: Any, *, compact: bool = False) -> str:
    """A result as JSON: indented, or on one line.

    Raises:
        ValueError: It holds NaN or an infinity.
    """
    data = result.to_json() if hasattr(result, "to_json") else result
    return json.dumps(data, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=None if compact else 2)
