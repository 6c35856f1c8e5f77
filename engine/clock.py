"""The one place that asks what time it is.

Everything that needs the time takes a `Clock`, so that a test can hold it still and a result can be reproduced. Wall
time is UTC and is what records carry; monotonic time is for ages, windows and timeouts.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from engine.errors import InvalidInput


class Clock(Protocol):
    """A source of wall and monotonic time."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin that never runs backwards."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to, for tests and for `--at`.

    Args:
        start: Wall time to begin with, aware.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


def to_rfc3339(moment: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC with `Z`, microseconds only when there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 date-time, or a plain date (midnight UTC).

    Raises:
        InvalidInput: It is neither, or a date-time without an offset: a time whose zone must be guessed is refused.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and len(text) == len("2026-01-01"):
            return moment.replace(tzinfo=UTC)
        # Its offset can carry a time out of the calendar: 0001-01-01T00:00:00+01:00.
        in_utc = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        in_utc = None
    if in_utc is None:
        raise InvalidInput(
            "time.malformed",
            f"{text!r} is not a time with a zone",
            "Write it as 2026-01-31T12:00:00Z, or as a date, 2026-01-31.",
        )
    return in_utc
