"""Hashes and identities, and how they are written.

A hash is `sha3-256:` and 64 lower-case hexadecimal digits, everywhere: in documents, in the API, in the audit trail.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from engine.canonical import canonical_json

HASH_PREFIX = "sha3-256:"
HASH_PATTERN = re.compile(r"sha3-256:[0-9a-f]{64}")


class _Digest(Protocol):
    def digest(self) -> bytes: ...


def hash_bytes(data: bytes) -> str:
    """SHA3-256 of `data`, written `sha3-256:<64 hex>` (FIPS 202)."""
    return HASH_PREFIX + hashlib.sha3_256(data).hexdigest()


def hash_json(value: Any) -> str:
    """SHA3-256 of the canonical JSON of `value`. Raises what `canonical_json` raises."""
    return hash_bytes(canonical_json(value))


def is_hash(text: object) -> bool:
    """Whether `text` is a hash as this house writes them."""
    return isinstance(text, str) and HASH_PATTERN.fullmatch(text) is not None


def merkle_root(members: Iterable[str]) -> str:
    """Commit to a set of strings: the Merkle tree hash over its sorted, distinct members.

    Raises:
        UnicodeEncodeError: A member holds a lone surrogate.
    """
    return HASH_PREFIX + tree_hash(map(str.encode, sorted(set(members)))).hex()


def tree_hash(leaves: Iterable[bytes], digest: Callable[[bytes], _Digest] = hashlib.sha3_256) -> bytes:
    """Merkle tree hash over leaves in order.

    A leaf is H(0x00 | leaf), a node is H(0x01 | left | right), the left part of n leaves holds the largest power of
    two below n, and the tree of none is H("").

    Source: RFC 6962, section 2.1, with SHA3-256 for SHA-256.
    """
    level = [digest(b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        # Pairing from the left and carrying an odd last node up unchanged builds exactly RFC 6962's split.
        odd = level[-1:] if len(level) % 2 else []
        level = [digest(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level += odd
    return level[0] if level else digest(b"").digest()


def pseudonym(secret: bytes, name: str) -> str:
    """A stable name for an actor that tells an outsider nothing: `op-` and 12 hex digits of HMAC-SHA-256."""
    return "op-" + hmac.digest(secret, b"actor|" + name.encode(), "sha256").hex()[:12]
