"""Rate limits: the arithmetic of a token bucket, in bounded memory."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.errors import InvalidInput
from engine.verifier.auth import RateLimiter


def test_a_burst_then_the_steady_rate(clock: ManualClock) -> None:
    limiter = RateLimiter(rate_per_s=10, burst=5, clock=clock)
    assert [limiter.admit("a") for _ in range(5)] == [0.0] * 5
    assert limiter.admit("a") == pytest.approx(0.1)
    clock.advance(0.1)
    assert limiter.admit("a") == 0.0
    assert limiter.admit("a") > 0


def test_clients_do_not_share(clock: ManualClock) -> None:
    limiter = RateLimiter(rate_per_s=1, burst=1, clock=clock)
    assert limiter.admit("a") == limiter.admit("b") == 0.0
    assert limiter.admit("a") > 0


def test_waiting_as_long_as_told_is_enough(clock: ManualClock) -> None:
    """And being refused costs nothing: an impatient client is not pushed back further."""
    limiter = RateLimiter(rate_per_s=3, burst=2, clock=clock)
    while (wait_s := limiter.admit("a")) == 0.0:
        pass
    assert limiter.admit("a") == wait_s
    clock.advance(wait_s + 1e-9)
    assert limiter.admit("a") == 0.0


@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 20),
    gaps=st.lists(st.integers(0, 64), max_size=120),
)
def test_it_admits_what_a_token_bucket_admits(rate: int, burst: int, gaps: list[int]) -> None:
    """Against the textbook bucket in exact arithmetic; gaps are 64ths of a second, which floats hold exactly."""
    clock = ManualClock()
    limiter = RateLimiter(rate_per_s=float(rate), burst=burst, clock=clock)
    level, margin = Fraction(burst), Fraction(1, 10**6)
    for gap in gaps:
        clock.advance(gap / 64)
        level = min(Fraction(burst), level + Fraction(rate * gap, 64))
        admitted = limiter.admit("a") == 0.0
        if level >= 1 + margin:
            assert admitted
        elif level < 1 - margin:
            assert not admitted
        if admitted:
            level -= 1


def test_memory_is_bounded_and_no_debt_is_forgiven(clock: ManualClock) -> None:
    """A throttled client does not become a new one because many others came by."""
    limiter = RateLimiter(rate_per_s=1, burst=1, clock=clock, max_clients=10)
    assert limiter.admit("greedy") == 0.0
    waits = [limiter.admit(f"other-{n}") for n in range(50)]
    assert waits.count(0.0) == 9
    assert max(waits) == pytest.approx(1.0)
    assert limiter.admit("greedy") > 0


def test_a_rested_client_makes_room(clock: ManualClock) -> None:
    limiter = RateLimiter(rate_per_s=1, burst=1, clock=clock, max_clients=2)
    limiter.admit("a")
    limiter.admit("b")
    assert limiter.admit("c") > 0
    clock.advance(1.0)
    assert limiter.admit("c") == 0.0


@pytest.mark.parametrize(
    "setting", [{"rate_per_s": 0}, {"rate_per_s": -1}, {"rate_per_s": float("nan")}, {"burst": 0}, {"max_clients": 0}]
)
def test_a_limit_must_make_sense(clock: ManualClock, setting: Any) -> None:
    good: dict[str, Any] = {"rate_per_s": 1, "burst": 1, "clock": clock}
    with pytest.raises(InvalidInput):
        RateLimiter(**{**good, **setting})
