"""Dates, durations and decimals as policies write them.

Only spellings with one meaning are read. A duration in years or months is refused, because its length depends on when
it is counted from; a time without a zone is refused, because somebody would have to guess it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from engine.clock import from_rfc3339
from engine.errors import InvalidInput

MAX_DURATION = timedelta(days=365_250)
"""A thousand years: beyond it, dates overflow and somebody has mistyped a number."""

DECIMAL_PATTERN = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]*[1-9]")
"""A number with a fraction, in its one spelling: no exponent, no trailing zero."""

MAX_DECIMAL_DIGITS = 15
"""Digits that an IEEE 754 double keeps exactly, so that no reader of the document sees another number."""

DURATION_SHAPE = re.compile(r"P(?=[0-9T])(?:[0-9]+[YMWD])*(?:T(?:[0-9]+[HMS])*)?")
"""What is meant as a duration, right or wrong. A plain name such as `P1` has no designator and does not match."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?")
_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]{1,9})W|(?=[0-9T])(?:(?P<days>[0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]{1,9})H)?(?:(?P<minutes>[0-9]{1,9})M)?(?:(?P<seconds>[0-9]{1,9})S)?)?)"
)


def parse_date(text: str) -> datetime:
    """Read `2026-01-31` (midnight UTC) or `2026-01-31T12:00:00Z`, as UTC.

    Raises:
        InvalidInput: It is neither, has no zone, or names no day of the calendar.

    Source: RFC 3339, section 5.6.
    """
    if not _DATE.fullmatch(text):
        raise InvalidInput("literal.date", f"{text!r} is not a date", "Write 2026-01-31 or 2026-01-31T12:00:00Z.")
    try:
        return from_rfc3339(text).astimezone(UTC)
    except (InvalidInput, OverflowError) as error:
        raise InvalidInput("literal.date", f"There is no date {text!r}", "Check the day and the month.") from error


def parse_duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of weeks, days, hours, minutes and seconds: `P365D`, `PT12H`, `P2W`.

    Raises:
        InvalidInput: It is none, counts years or months, or is longer than `MAX_DURATION`.

    Source: ISO 8601-1:2019, 5.5.2.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidInput(
            "literal.duration",
            f"{text!r} is not a duration of known length",
            "Count in days, hours, minutes or seconds, or in weeks: P365D, PT12H, P2W. Years and months vary.",
        )
    length = timedelta(**{unit: int(count) for unit, count in match.groupdict().items() if count})
    if length > MAX_DURATION:
        raise InvalidInput("literal.duration", f"{text!r} is longer than a thousand years", "Check the number.")
    return length


def canonical_decimal(text: str) -> str | int:
    """The one spelling of a number such as `0.350`: `0.35`; a number whose fraction is zero becomes an integer.

    Args:
        text: Digits, a point, digits; a sign in front is fine.
    """
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else int(whole)
