"""Durations as people write them on a command line."""

from __future__ import annotations

import re
from typing import Final

from engine.errors import InvalidInput

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|)")


def read_duration(text: str) -> float:
    """Seconds of `500ms`, `90s`, `15m`, `1h`; a bare number is seconds.

    Raises:
        InvalidInput: It is none of these.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise InvalidInput("duration.malformed", f"{text[:40]!r} is not a duration", "Write 500ms, 90s, 15m or 1h.")
    return float(found[1]) * _UNITS_S[found[2]]
