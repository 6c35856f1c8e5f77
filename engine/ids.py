"""Hashes and identities, and how they are written.

A hash is `sha3-256:` and 64 lower-case hexadecimal digits, everywhere: in documents, in the API, in the audit trail.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Any

from engine.canonical import canonical_json

HASH_PREFIX = "sha3-256:"
HASH_PATTERN = re.compile(r"sha3-256:[0-9a-f]{64}")


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

    The tree is RFC 6962's (2.1) with SHA3-256: a leaf is H(0x00 | member), a node is H(0x01 | left | right), the
    left part holds the largest power of two below the count, and the empty set is H("").
    """
    level = [hashlib.sha3_256(b"\x00" + member.encode()).digest() for member in sorted(set(members))]
    if not level:
        return hash_bytes(b"")
    while len(level) > 1:
        # Pairing from the left and carrying an odd last node up unchanged builds exactly RFC 6962's split.
        paired = [hashlib.sha3_256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return HASH_PREFIX + level[0].hex()


def pseudonym(secret: bytes, name: str) -> str:
    """A stable name for an actor that tells an outsider nothing: `op-` and 12 hex digits of HMAC-SHA-256."""
    return "op-" + hmac.digest(secret, b"actor|" + name.encode(), "sha256").hex()[:12]
