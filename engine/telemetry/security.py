"""Counters of one process's authentication, signatures and caches. For one thread: the event loop's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

MOST_KIDS: Final = 32
"""Keys whose verified signatures are counted apart; a key set holds at most sixteen."""
LONGEST_KID: Final = 64


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
        """Count a signature that was checked and holds, of a key that is known here: an access token's issuer's.

        An issuer may rotate for years, and name its keys as it likes: the key that was seen first gives way when there
        are too many, and a long name is cut.
        """
        label = kid[:LONGEST_KID]
        if label not in self.signatures_verified and len(self.signatures_verified) >= MOST_KIDS:
            del self.signatures_verified[next(iter(self.signatures_verified))]
        self.signatures_verified[label] = self.signatures_verified.get(label, 0) + 1

    @property
    def cache_hit_ratio(self) -> float:
        """Hits / look-ups over all caches; 0 before the first look-up."""
        hits = sum(cache.hits for cache in self.caches.values())
        lookups = hits + sum(cache.misses for cache in self.caches.values())
        return hits / lookups if lookups else 0.0
