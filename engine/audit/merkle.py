"""The Merkle tree over the audit trail's lines, and the part of it that lets the tree grow.

A chain makes every alteration visible to whoever walks all of it. The tree adds what a chain cannot give: one hash for
any length of the trail that can be signed and kept elsewhere, and short proofs that a line is in it, or that a longer
trail continues a shorter one.

Source: RFC 6962, section 2.1 (RFC 9162 keeps it), with SHA-256, as the public transparency logs have it.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

HASH_BYTES: Final = 32

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(line: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps a leaf from being taken for a node."""
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange(NamedTuple):
    """A tree reduced to what its growth and its root depend on: the roots of its perfect subtrees.

    There are as many of them as `size` has bits set, so a tree over a million lines takes a few hundred bytes, and one
    line more costs two hashes on average.
    """

    size: int
    """How many leaves there are."""
    hashes: tuple[bytes, ...]
    """The roots of the perfect subtrees, from the left; the largest comes first."""

    def append(self, leaf: bytes) -> CompactRange:
        """The tree with one leaf more.

        Args:
            leaf: The leaf's hash.
        """
        kept, grown = len(self.hashes), leaf
        width = self.size
        while width & 1:
            kept -= 1
            grown = node_hash(self.hashes[kept], grown)
            width >>= 1
        return CompactRange(self.size + 1, (*self.hashes[:kept], grown))

    def root(self) -> bytes:
        """The tree's root."""
        if not self.hashes:
            return EMPTY_ROOT
        *left, root = self.hashes
        for hash_ in reversed(left):
            root = node_hash(hash_, root)
        return root

    def to_bytes(self) -> bytes:
        """The hashes one after the other; with the size, all there is to store."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, stored: bytes) -> CompactRange:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: A tree of that size has another number of hashes.
        """
        if size < 0 or len(stored) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"a tree over {size} leaves is stored in {len(stored)} bytes")
        return cls(size, tuple(stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES)))


EMPTY_TREE: Final = CompactRange(0, ())
