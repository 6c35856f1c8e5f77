"""When to ask again: the one retry policy towards SAP.

A server that asks to wait is given its time by everybody who shares the `Pacer`; a failure without such a request is
followed by full jitter, uniform over 0 to an exponentially growing bound. What may be repeated at all is not decided
here: a write is not, unless it was refused.

Source: RFC 9110, section 10.2.3 (Retry-After); full jitter as in "Exponential Backoff And Jitter", AWS Architecture
Blog, 2015.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from engine.clock import Clock, SystemClock
from engine.context import Progress, ignore_progress
from engine.errors import Unavailable

BASE_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 30.0
LONGEST_WAIT_S: Final = 300.0
"""A server that asks for more is left alone: the command ends and says when to come back."""
ATTEMPTS: Final = 8
"""Refusals or failures in a row before a request is given up."""


def retry_after_s(header: str | None, clock: Clock) -> float | None:
    """Seconds that a Retry-After asks to wait; None where it says nothing usable (absent, past, negative, no form).

    Args:
        header: The header's value, unverified: seconds, or an HTTP date.
        clock: What a date counts from.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text) if len(text) < 10 else math.inf
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - clock.now()).total_seconds()
    return seconds if seconds > 0 else None


@dataclass
class Pacer:
    """The pace that everybody talking to one SAP system shares.

    Args:
        clock: Tells how long a date is away.
        sleep: Waits; injected so that tests do not.
        uniform: Draws from an interval.
        emit: Where a wait is explained.
    """

    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.SystemRandom().uniform
    emit: Callable[[Progress], None] = ignore_progress
    attempts: int = ATTEMPTS
    """How often one request is tried where nothing answers or the server asks to wait; 1 for whoever only wants to know
    how things stand now."""
    waits: int = 0
    """How often it waited."""
    waited_s: float = 0.0
    _not_before: float = 0.0

    def throttled(self, header: str | None, attempt: int) -> None:
        """Note that the server asked everybody to wait.

        Args:
            header: Its Retry-After, unverified.
            attempt: Refusals of this request so far, from 1.

        Raises:
            Unavailable: It asks for longer than anybody should sit and watch, or has asked too often.
        """
        asked = retry_after_s(header, self.clock)
        if attempt >= self.attempts or (asked is not None and asked > LONGEST_WAIT_S):
            when = "later" if asked is None or math.isinf(asked) else f"in {math.ceil(asked)} s"
            raise Unavailable(
                "sap.throttled", "SAP asks for fewer requests", f"Run the same command again {when}; it goes on."
            )
        # Jitter on top of what was asked: not everybody who waited should come back in the same instant.
        seconds = self.backoff_s(attempt) if asked is None else asked + self.uniform(0, BASE_S)
        self._hold(seconds, f"SAP asked to wait {seconds:.0f} s")

    def failed(self, attempt: int, what: str) -> None:
        """Wait after a failure that may be repeated.

        Args:
            attempt: Failures of this request so far, from 1.
            what: What happened, for whoever watches.
        """
        seconds = self.backoff_s(attempt)
        self._hold(seconds, f"{what}; trying again in {seconds:.1f} s")

    def backoff_s(self, attempt: int) -> float:
        """Full jitter: uniform over 0 to `BASE_S * 2^attempt`, bounded."""
        return self.uniform(0, min(LONGEST_BACKOFF_S, BASE_S * 2.0**attempt))

    def wait(self) -> None:
        """Return when the next request may be sent."""
        seconds = self._not_before - self.clock.monotonic()
        if seconds > 0:
            self.waits += 1
            self.waited_s += seconds
            self.sleep(seconds)

    def _hold(self, seconds: float, why: str) -> None:
        self._not_before = max(self._not_before, self.clock.monotonic() + seconds)
        self.emit(Progress("waiting", 0, None, why))
