"""The verified-token cache: bounded, exact, and never longer-lived than the trust it stands for."""

from __future__ import annotations

from datetime import timedelta
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.verifier.auth.principal import Principal
from engine.verifier.auth.token_cache import VerifiedTokenCache


def principal(clock: ManualClock, name: str = "op", lives_s: float = 60) -> Principal:
    return Principal(name, name, frozenset(), clock.now() + timedelta(seconds=lives_s))


def test_a_token_is_remembered_until_it_ends(clock: ManualClock) -> None:
    cache = VerifiedTokenCache(clock)
    known = principal(clock)
    cache.put(b"token", known, trusted_until=inf)
    clock.advance(59.999)
    assert cache.get(b"token") is known
    clock.advance(0.001)
    assert cache.get(b"token") is None
    assert len(cache) == 0


def test_a_token_is_remembered_no_longer_than_its_keys_are_trusted(clock: ManualClock) -> None:
    cache = VerifiedTokenCache(clock)
    cache.put(b"token", principal(clock), trusted_until=clock.monotonic() + 10)
    clock.advance(10)
    assert cache.get(b"token") is None


def test_the_least_recently_used_token_goes_first(clock: ManualClock) -> None:
    cache = VerifiedTokenCache(clock, max_tokens=2)
    for token in (b"a", b"b"):
        cache.put(token, principal(clock), trusted_until=inf)
    cache.get(b"a")
    cache.put(b"c", principal(clock), trusted_until=inf)
    assert [cache.get(token) is not None for token in (b"a", b"b", b"c")] == [True, False, True]


def test_hits_and_misses_are_counted(clock: ManualClock) -> None:
    """For `cap_cache_hit_ratio`; an entry that has ended is a miss."""
    cache = VerifiedTokenCache(clock)
    cache.get(b"token")
    cache.put(b"token", principal(clock), trusted_until=inf)
    cache.get(b"token")
    clock.advance(60)
    cache.get(b"token")
    assert (cache.hits, cache.misses) == (1, 2)


def test_no_token_is_kept(clock: ManualClock) -> None:
    """A dump of the process's memory must not hand out tokens that this cache was asked to remember."""
    cache = VerifiedTokenCache(clock)
    cache.put(b"the-secret-token", principal(clock), trusted_until=inf)
    assert b"the-secret-token" not in repr(vars(cache)).encode()


@given(st.lists(st.tuples(st.sampled_from(["put", "get", "wait", "clear"]), st.integers(0, 6)), max_size=60))
def test_it_agrees_with_an_unbounded_memory(steps: list[tuple[str, int]]) -> None:
    """Whatever it still knows is true; it may only forget."""
    clock = ManualClock()
    cache, truth = VerifiedTokenCache(clock, max_tokens=3), {}
    for step, n in steps:
        token = b"token-%d" % n
        if step == "put":
            truth[token] = principal(clock, f"op-{n}", lives_s=n + 1)
            cache.put(token, truth[token], trusted_until=inf)
        elif step == "wait":
            clock.advance(n)
        elif step == "clear":
            cache.clear()
            truth.clear()
        elif (known := cache.get(token)) is not None:
            assert known is truth[token]
            assert known.expires_at > clock.now()
        assert len(cache) <= 3
