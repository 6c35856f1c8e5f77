"""Asking for a secret on the terminal: never where nobody can answer, and never where it could be seen."""

from __future__ import annotations

import sys


def ask_passphrase(whose: str) -> str | None:
    """The passphrase of a key, typed unseen; None where nobody is at the terminal, or nothing was typed.

    Args:
        whose: Which key, in words.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    import warnings
    from getpass import GetPassWarning, getpass

    try:
        with warnings.catch_warnings():
            # A terminal that cannot hide what is typed must not be typed a secret into.
            warnings.simplefilter("error", GetPassWarning)
            return getpass(f"Passphrase of {whose}: ", stream=sys.stderr) or None
    except (GetPassWarning, EOFError):
        return None
