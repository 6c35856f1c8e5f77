"""Tokens that were verified a moment ago.

A signature check costs more than the decision it guards. The cache remembers whose token it was under the SHA-256 of
the whole token, so that no token is kept and not one bit of it can change; an entry ends with the token, with the
trust in the issuer's keys, or when others push it out.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

from engine.clock import Clock
from engine.verifier.auth.principal import Principal

MAX_TOKENS = 4096


class _Entry(NamedTuple):
    principal: Principal
    trusted_until: float


class VerifiedTokenCache:
    """A bounded cache of verified tokens, least recently used first out.

    Args:
        clock: Ends entries.
        max_tokens: Most entries kept; about 600 bytes each.
    """

    def __init__(self, clock: Clock, *, max_tokens: int = MAX_TOKENS) -> None:
        self._clock = clock
        self._max_tokens = max_tokens
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, token: bytes) -> Principal | None:
        """Whose token this is, if that was established and still holds."""
        digest = hashlib.sha256(token).digest()
        entry = self._entries.get(digest)
        if entry is None:
            self.misses += 1
            return None
        principal, trusted_until = entry
        if self._clock.monotonic() >= trusted_until or self._clock.now() >= principal.expires_at:
            del self._entries[digest]
            self.misses += 1
            return None
        self._entries.move_to_end(digest)
        self.hits += 1
        return principal

    def put(self, token: bytes, principal: Principal, *, trusted_until: float) -> None:
        """Remember a token that has just been verified.

        Args:
            token: The whole token.
            principal: Whose it is; its `expires_at` ends the entry.
            trusted_until: Monotonic instant that ends the entry too, see `KeySource.trusted_until`.
        """
        self._entries[hashlib.sha256(token).digest()] = _Entry(principal, trusted_until)
        if len(self._entries) > self._max_tokens:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget every token: the keys they were verified with have changed."""
        self._entries.clear()
