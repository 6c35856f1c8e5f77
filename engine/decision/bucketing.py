"""Which requests a rollout takes: keyed, monotone, the same everywhere.

    h      = first 64 bits of HMAC-SHA-256(salt, "version|policy id|unit")
    bucket = (h * 10000) >> 64            applied when bucket < basis points

It is keyed because a public hash would let a caller choose an id that lands in the unenforced share. A request's bucket
does not depend on the percentage, so that raising it only ever adds requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

BUCKETS: Final = 10_000
"""One bucket per basis point."""

BUCKET_VERSION: Final = 1
"""Stored with a rollout: another algorithm would be another version, and move requests."""

_BLOCK_SIZE: Final = 64


def bucket(salt: bytes, policy_id: str, unit: str, *, version: int = BUCKET_VERSION) -> int:
    """The bucket of a request, 0 <= bucket < 10000.

    Args:
        salt: The rollout's secret key.
        policy_id: What is rolled out: two policies do not take the same requests.
        unit: What is either taken or not, chosen by the server: the context's hash.
        version: The algorithm's version, as stored with the rollout.
    """
    return bucketing(salt, policy_id, version=version)(unit)


def bucketing(salt: bytes, policy_id: str, *, version: int = BUCKET_VERSION) -> Callable[[str], int]:
    """The function from units to buckets of one rollout, for when there are many.

    The two padded keys are hashed once and their states copied for every unit (RFC 2104, section 4): a third of the
    time that a new HMAC takes.
    """
    key = hashlib.sha256(salt).digest() if len(salt) > _BLOCK_SIZE else salt
    padded = key.ljust(_BLOCK_SIZE, b"\0")
    inner_state = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + f"{version}|{policy_id}|".encode()).copy
    outer_state = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)).copy
    from_bytes = int.from_bytes

    def bucket_of(unit: str) -> int:
        inner = inner_state()
        inner.update(unit.encode())
        outer = outer_state()
        outer.update(inner.digest())
        return (from_bytes(outer.digest()[:8], "big") * BUCKETS) >> 64

    return bucket_of
