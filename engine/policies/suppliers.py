"""Fifty suppliers of a company that does not exist: synthetic, deterministic, no person behind any of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final

COUNT: Final = 50
_REGIONS: Final = ("DE", "FR", "NL", "PL", "CZ", "IT", "ES", "AT", "SE", "PT")


@dataclass(frozen=True, slots=True)
class Supplier:
    """A demonstration supplier."""

    number: int
    """1..50."""
    hash: str
    """64 hexadecimal digits."""
    ubo_hashes: tuple[str, ...]
    """Its beneficial owners: none, one or two."""
    region: str
    tier: int


@cache
def demo_suppliers() -> tuple[Supplier, ...]:
    """The fifty suppliers, always the same."""
    return tuple(_supplier(number) for number in range(1, COUNT + 1))


def _supplier(number: int) -> Supplier:
    return Supplier(
        number=number,
        hash=_digest(f"supplier/{number}"),
        ubo_hashes=tuple(_digest(f"owner/{number}/{i}") for i in range(number % 3)),
        region=_REGIONS[number % len(_REGIONS)],
        tier=1 + number % 3,
    )


def _digest(name: str) -> str:
    return hashlib.sha3_256(f"capctl/demo/{name}".encode()).hexdigest()
