"""Bucketing: keyed, uniform, monotone, and the same forever."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decision import bucket
from engine.decision.bucketing import BUCKETS, bucketing

SALT = bytes(range(32))

# Computed once with the standard library's HMAC, not with the code under test.
GOLDEN = {
    (SALT, "lksg.v1", "sha3-256:" + "00" * 32): 7041,
    (SALT, "lksg.v1", "sha3-256:" + "ff" * 32): 9427,
    (SALT, "other.v1", "sha3-256:" + "00" * 32): 2206,
    (b"", "lksg.v1", "ü"): 3368,
    (b"k" * 100, "lksg.v1", "unit"): 2100,
}


@pytest.mark.parametrize(("key", "expected"), GOLDEN.items())
def test_known_units_fall_where_they_always_fell(key, expected):
    """A release that moves requests between the halves of a rollout is broken."""
    assert bucket(*key) == expected


@given(st.binary(max_size=100), st.text(max_size=20), st.text(max_size=80), st.integers(1, 9))
def test_bucket_is_the_written_formula(salt, policy_id, unit, version):
    """(h * 10000) >> 64 of the first 64 bits of HMAC-SHA-256, whatever the length of the salt."""
    message = f"{version}|{policy_id}|{unit}".encode()
    h = int.from_bytes(hmac.digest(salt, message, "sha256")[:8], "big")
    assert bucket(salt, policy_id, unit, version=version) == (h * 10_000) >> 64


def test_buckets_are_uniform():
    """Chi-square over 100 groups of buckets, 99.9 % quantile for 99 degrees of freedom."""
    bucket_of, groups = bucketing(SALT, "lksg.v1"), [0] * 100
    for number in range(50_000):
        groups[bucket_of(f"unit-{number}") // 100] += 1
    chi_square = sum((count - 500) ** 2 / 500 for count in groups)
    assert chi_square < 148.23


def test_another_salt_is_another_selection():
    """Who does not know the salt cannot tell who is taken."""
    a, b = bucketing(SALT, "lksg.v1"), bucketing(SALT[::-1], "lksg.v1")
    units = [f"unit-{number}" for number in range(2_000)]
    both = sum(a(unit) < 5_000 and b(unit) < 5_000 for unit in units)
    assert 430 < both < 570


@pytest.mark.slow
def test_raising_the_percentage_only_adds_over_a_million_units():
    """Every unit lies in range, and each step of a rollout takes all the one before took, in the right share."""
    bucket_of, taken = bucketing(SALT, "lksg.v1"), dict.fromkeys((100, 2_500, 5_000, BUCKETS), 0)
    for number in range(1_000_000):
        where = bucket_of(f"unit-{number}")
        assert 0 <= where < BUCKETS
        for points in taken:
            taken[points] += where < points
    assert taken[BUCKETS] == 1_000_000
    for points, count in taken.items():
        assert count == pytest.approx(points * 100, rel=0.03)
