"""How an exception nobody expected is logged: its type and place, never its text, which may quote a request."""

from __future__ import annotations

import traceback


def describe(error: BaseException) -> str:
    """`TypeError in evaluate (compile.py:42)`."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} in {last.name} ({last.filename.rpartition('/')[2]}:{last.lineno})"
