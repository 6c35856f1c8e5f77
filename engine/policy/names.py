"""What policies, rules, predicates and inputs may be called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MAX_NAME: Final = 64

ID_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""A policy's and a rule's id: it becomes a file name, a metric label and a log field."""

NAME_PATTERN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""An input's and a predicate's name: it stands in expressions."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that a mistyped one most likely means; empty if none comes close."""
    if len(word) > MAX_NAME:
        return ""
    import difflib

    return next(iter(difflib.get_close_matches(word, sorted(known), n=1)), "")
