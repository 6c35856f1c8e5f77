"""Counters of one process's authentication, signatures and caches. For one thread: the event loop's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class CacheCounter(Protocol):
    """A cache that counts its own look-ups."""

    hits: int
    misses: int


class SecurityMetrics:
    """Counts what happens to tokens and signatures.

    Args:
        reasons: The closed list of reasons why a token is refused; each is exposed from the start.
    """

    def __init__(self, reasons: Iterable[str] = ()) -> None:
        self.token_failures = dict.fromkeys(reasons, 0)
        self.signatures_created: dict[str, int] = {}
        """By key id."""
        self.signatures_verified: dict[str, int] = {}
        """By key id."""
        self.caches: dict[str, CacheCounter] = {}
        """By name; whoever owns a cache puts it here."""
        self.audit_chain_breaks = 0

    def token_refused(self, reason: str) -> None:
        """Count a refused token. The reason must be on the list: a free one would be an unbounded label."""
        self.token_failures[reason] += 1

    def expose_key(self, kid: str) -> None:
        """Expose a key's counters at 0, so that its first signature is an increase."""
        self.signatures_created.setdefault(kid, 0)
        self.signatures_verified.setdefault(kid, 0)

    def signed(self, kid: str) -> None:
        """Count a signature that was made with a key of this service."""
        self.signatures_created[kid] = self.signatures_created.get(kid, 0) + 1

    def verified(self, kid: str) -> None:
        """Count a signature that was checked and holds, of a key that is known here."""
        self.signatures_verified[kid] = self.signatures_verified.get(kid, 0) + 1

    @property
    def cache_hit_ratio(self) -> float:
        """Hits / look-ups over all caches; 0 before the first look-up."""
        hits = sum(cache.hits for cache in self.caches.values())
        lookups = hits + sum(cache.misses for cache in self.caches.values())
        return hits / lookups if lookups else 0.0
