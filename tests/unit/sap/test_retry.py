"""Waiting: as long as SAP asks, with jitter where it does not say, shared by everybody, and not for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.context import Progress
from engine.errors import Unavailable
from engine.sap.retry import ATTEMPTS, LONGEST_BACKOFF_S, LONGEST_WAIT_S, Pacer, retry_after_s

CLOCK = ManualClock()  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("12", 12.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thursday, 01-Jan-26 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("٣", None),
    ],
)
def test_both_forms_are_understood_and_nonsense_is_not(header: str | None, seconds: float | None) -> None:
    """RFC 9110, 10.2.3; what says nothing usable leaves it to the back-off."""
    assert retry_after_s(header, CLOCK) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_it(header: str) -> None:
    """Whatever a server sends."""
    seconds = retry_after_s(header, CLOCK)
    assert seconds is None or seconds >= 0


def pacer(**options: object) -> Pacer:
    clock = ManualClock()
    return Pacer(clock=clock, sleep=clock.advance, uniform=lambda low, high: high, **options)  # type: ignore[arg-type]


def test_a_wait_is_shared_and_explained() -> None:
    """Whoever sends next waits; whoever watches is told why."""
    told: list[Progress] = []
    shared = pacer(emit=told.append)
    shared.throttled("12", 1)
    shared.wait()
    assert 12 <= shared.clock.monotonic() <= 13
    assert told[0].message == "SAP asked to wait 12 s"
    shared.wait()
    assert shared.waits == 1


def test_the_longer_of_two_waits_counts() -> None:
    """A later, shorter request does not cut a longer one."""
    shared = pacer()
    shared.throttled("100", 1)
    shared.throttled("1", 1)
    shared.wait()
    assert shared.clock.monotonic() >= 100


@pytest.mark.parametrize("header", [str(int(LONGEST_WAIT_S) + 1), "9" * 40, "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_nobody_waits_for_hours(header: str) -> None:
    """The command ends and says when to come back."""
    with pytest.raises(Unavailable, match="fewer requests"):
        pacer().throttled(header, 1)


def test_throttling_without_end_ends() -> None:
    """A storm of refusals is given up after so many in a row."""
    with pytest.raises(Unavailable):
        pacer().throttled("0", ATTEMPTS)


@given(st.integers(1, 60), st.floats(0, 1))
def test_back_off_is_full_jitter(attempt: int, share: float) -> None:
    """Uniform over zero to a bound that doubles and then stays."""
    drawn = Pacer(uniform=lambda low, high: low + share * (high - low)).backoff_s(attempt)
    assert 0 <= drawn <= min(LONGEST_BACKOFF_S, 0.5 * 2.0**attempt)
