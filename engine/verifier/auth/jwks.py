"""Keys of an issuer, kept and kept up to date.

A set is used for `TTL_S` after it was fetched. Traffic renews it in the background before that, so that nobody waits
while the issuer is well. While it is not, the last set serves for `STALE_S` more, then nothing is believed any longer
(503). A key id that is not in the set has it fetched again, at most every `UNKNOWN_KID_S` whatever is asked for, so
that forged tokens cannot be used to flood the issuer; while it cannot be fetched, whether such a key is good is not
known, and the answer is 503. However many ask, one fetch is under way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Protocol

from engine.clock import Clock
from engine.verifier.auth.errors import AuthError, AuthReason
from engine.verifier.auth.keys import IssuerKey, IssuerKeys, read_issuer_keys

if TYPE_CHECKING:
    import asyncio

TTL_S = 300.0
RENEW_AFTER_S = 240.0
STALE_S = 600.0
UNKNOWN_KID_S = 30.0
RETRY_S = 5.0
"""Pause after a fetch that failed."""
FETCH_TIMEOUT_S = 3.0


class KeySource(Protocol):
    """Where the keys of an issuer come from."""

    async def find(self, kid: str) -> IssuerKey:
        """The key of a key id. Raises AuthError."""
        ...

    @property
    def trusted_until(self) -> float:
        """The monotonic instant up to which an answer may be remembered without asking again."""
        ...


class StaticKeys:
    """Keys that stand in the configuration."""

    trusted_until = inf

    def __init__(self, keys: IssuerKeys) -> None:
        self._keys = keys

    async def find(self, kid: str) -> IssuerKey:
        return self._keys.find(kid)


class JwksCache:
    """Keys from a JWK Set endpoint.

    Args:
        fetch: Gets the body of the endpoint; whatever it raises is a failed fetch.
        clock: For the ages.
        on_change: Called when a fetched set differs from the one before, before anyone sees the new one.
        timeout_s: Longest a fetch may take, from start to last byte.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        clock: Clock,
        on_change: Callable[[], None],
        timeout_s: float = FETCH_TIMEOUT_S,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._on_change = on_change
        self._timeout_s = timeout_s
        self._keys: IssuerKeys | None = None
        self._fetched_at = -inf
        self._attempted_at = -inf
        self._failing = False
        self._refresh: asyncio.Task[None] | None = None

    @property
    def trusted_until(self) -> float:
        renewal = max(self._fetched_at + RENEW_AFTER_S, self._attempted_at + RETRY_S)
        return min(renewal, self._fetched_at + TTL_S + STALE_S)

    @property
    def age_s(self) -> float:
        """Seconds since the set in use was fetched; infinite while there is none."""
        return self._clock.monotonic() - self._fetched_at

    async def find(self, kid: str) -> IssuerKey:
        keys = await self._current()
        if kid not in keys.by_kid:
            pause_s = RETRY_S if self._failing else UNKNOWN_KID_S
            if self._refresh is not None or self._since_attempt() >= pause_s:
                await self._renewed()
                keys = self._believable()
            if self._failing and kid not in keys.by_kid:
                # The issuer may have published it by now: that nobody knows is no fault of the token.
                raise AuthError(AuthReason.KEYS_UNAVAILABLE)
        return keys.find(kid)

    async def _current(self) -> IssuerKeys:
        if self._keys is None or self.age_s >= RENEW_AFTER_S:
            self._start()
            # A set past its time is still used while the issuer is known to be away; else it is worth the wait.
            if self._keys is None or self.age_s >= TTL_S + (STALE_S if self._failing else 0.0):
                await self._renewed()
        return self._believable()

    def _believable(self) -> IssuerKeys:
        if self._keys is None or self.age_s >= TTL_S + STALE_S:
            raise AuthError(AuthReason.KEYS_UNAVAILABLE)
        return self._keys

    def _since_attempt(self) -> float:
        return self._clock.monotonic() - self._attempted_at

    def _start(self) -> None:
        """Start a fetch, unless one is under way or one has just failed."""
        import asyncio

        if self._refresh is None and not (self._failing and self._since_attempt() < RETRY_S):
            self._attempted_at = self._clock.monotonic()
            self._refresh = asyncio.create_task(self._renew())
            self._refresh.add_done_callback(self._finished)

    def _finished(self, _: asyncio.Task[None]) -> None:
        self._refresh = None

    async def _renewed(self) -> None:
        """Wait for the fetch that is under way, or for a new one where it is time for that."""
        import asyncio

        self._start()
        if self._refresh is not None:
            # Shielded: a client that hangs up must not end the fetch that others wait for.
            await asyncio.shield(self._refresh)

    async def _renew(self) -> None:
        import asyncio

        started_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._fetch()
            keys = read_issuer_keys(body)
        except Exception:  # a fetch that failed, in whatever way, leaves the set as it was
            self._failing = True
            return
        if self._keys is None or keys.fingerprint != self._keys.fingerprint:
            self._on_change()
        self._keys, self._fetched_at, self._failing = keys, started_at, False
