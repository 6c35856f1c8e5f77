"""Dates, durations and decimals: one spelling, one meaning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidInput
from engine.policy.literals import DURATION_SHAPE, MAX_DURATION, canonical_decimal, parse_date, parse_duration


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T00:30:00+01:00", datetime(2026, 1, 30, 23, 30, tzinfo=UTC)),
        ("2026-01-31T12:00:00.25Z", datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_dates(text, date):
    """A date is midnight UTC; a time is what its zone says."""
    assert parse_date(text) == date


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "20260131",
        "2026-W05-6",
        "2026-02-30",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "２０２６-01-31",
        "2026-01-31\n",
        "2026-01-31T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_date(text):
    """No zone, no such day, beyond the calendar, or another spelling: refused."""
    with pytest.raises(InvalidInput):
        parse_date(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_can_be_written(moment):
    """What Python writes as RFC 3339 is read as the same moment."""
    assert parse_date(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P365D", timedelta(days=365)),
        ("P2W", timedelta(weeks=2)),
        ("PT12H", timedelta(hours=12)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("PT0S", timedelta(0)),
        ("P365250D", MAX_DURATION),
    ],
)
def test_durations(text, length):
    """A duration has one length."""
    assert parse_duration(text) == length
    assert DURATION_SHAPE.fullmatch(text)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1Y", "P1M", "P1W2D", "PT1.5H", "-P1D", "P1D ", "365D", "P365251D", "P9999999999D"]
)
def test_what_is_no_duration(text):
    """Years and months vary, and no other spelling is guessed at."""
    with pytest.raises(InvalidInput):
        parse_duration(text)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,8})\.[0-9]{1,8}", fullmatch=True))
def test_a_decimal_keeps_its_value(text):
    """The canonical spelling is the same number, and spelling it again changes nothing."""
    spelt = canonical_decimal(text)
    assert Fraction(spelt) == Fraction(text)
    assert isinstance(spelt, int) or canonical_decimal(spelt) == spelt
