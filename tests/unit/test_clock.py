"""Times as the outside writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5+02:00", datetime(2026, 1, 31, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_with_a_zone_is_read_as_utc(text: str, moment: datetime) -> None:
    assert from_rfc3339(text) == moment
    assert from_rfc3339(to_rfc3339(moment)) == moment


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-02-30", "2026-01-31T12:00:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"],
)
def test_what_is_no_time_on_the_calendar_is_refused(text: str) -> None:
    """Also one whose offset leads out of the calendar: a caller can send it."""
    with pytest.raises(InvalidInput) as refusal:
        from_rfc3339(text)
    assert refusal.value.code == "time.malformed"
