"""Rate limits per client: a token bucket in one number each.

The generic cell rate algorithm (ITU-T I.371, annex A) keeps, instead of a level and the time it was taken, the instant
at which the bucket will be full again; the two admit the same requests.
"""

from __future__ import annotations

from collections import OrderedDict

from engine.clock import Clock
from engine.errors import InvalidInput

MAX_CLIENTS = 10_000


class RateLimiter:
    """Admits each client at a steady rate with bursts.

    Memory is bounded without forgiving anyone: only a client whose bucket is full again is forgotten, and while none
    of the longest silent ones is, a new client has to wait.

    Args:
        rate_per_s: Requests a second that a client may keep up.
        burst: Requests it may make at once after a pause; at least 1.
        clock: Monotonic time.
        max_clients: Most clients remembered.

    Raises:
        InvalidInput: A number makes no sense.
    """

    def __init__(self, *, rate_per_s: float, burst: int, clock: Clock, max_clients: int = MAX_CLIENTS) -> None:
        if not 0 < rate_per_s < 1e6 or burst < 1 or max_clients < 1:
            raise InvalidInput(
                "auth.rate_limit",
                "A rate limit needs a positive rate and burst",
                "Use for example 50 a second, burst 100.",
            )
        self._interval_s = 1.0 / rate_per_s
        self._slack_s = (burst - 1) * self._interval_s
        self._clock = clock
        self._max_clients = max_clients
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def admit(self, client: str) -> float:
        """Admit a request of a client.

        Args:
            client: Its pseudonym.

        Returns:
            0.0 when it is admitted; else the seconds after which it would be, for Retry-After.
        """
        now = self._clock.monotonic()
        full_at = self._full_at.get(client)
        if full_at is None:
            wait_s = self._make_room(now)
            if wait_s > 0:
                return wait_s
            full_at = now
        start = max(full_at, now)
        if start - now > self._slack_s:
            return start - now - self._slack_s
        self._full_at[client] = start + self._interval_s
        self._full_at.move_to_end(client)
        return 0.0

    def _make_room(self, now: float) -> float:
        """Seconds until there is room for one more client; 0.0 when there is."""
        if len(self._full_at) < self._max_clients:
            return 0.0
        oldest, full_at = next(iter(self._full_at.items()))
        if full_at > now:
            return full_at - now
        del self._full_at[oldest]
        return 0.0
