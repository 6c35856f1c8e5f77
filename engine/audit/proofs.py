"""Proofs about the tree: that a line is in it, and that a longer trail continues a shorter one.

A proof is a list of subtree roots. Which subtrees they are follows from the sizes alone, so that making a proof is one
pass over the leaves in constant memory, however long the trail is.

Source: RFC 9162, sections 2.1.3 (inclusion) and 2.1.4 (consistency).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from engine.audit.merkle import EMPTY_ROOT, EMPTY_TREE, HASH_BYTES, node_hash


def prove_inclusion(leaves: Iterable[bytes], index: int, size: int) -> tuple[bytes, ...]:
    """Prove that a leaf is in a tree.

    Args:
        leaves: The hashes of the tree's leaves, in order; those beyond `size` are not read.
        index: Of the leaf, from 0.
        size: Of the tree.

    Returns:
        The roots of the subtrees beside the way from the leaf to the root, lowest first.

    Raises:
        ValueError: There is no such leaf, or there are fewer leaves than `size`.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree over {size} leaves has no leaf {index}")
    return _roots(leaves, _beside(index, range(size)))


def prove_consistency(leaves: Iterable[bytes], old_size: int, size: int) -> tuple[bytes, ...]:
    """Prove that a tree continues a smaller one.

    Args:
        leaves: The hashes of the larger tree's leaves, in order; those beyond `size` are not read.
        old_size: Of the smaller tree, at least 1.
        size: Of the larger tree.

    Raises:
        ValueError: The sizes are not in that order, or there are fewer leaves than `size`.
    """
    if not 0 < old_size <= size:
        raise ValueError(f"no tree over {size} leaves continues one over {old_size}")
    return _roots(leaves, _between(old_size, range(size), is_whole=True))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that a leaf is in a tree.

    Args:
        leaf: The leaf's hash.
        index: Where it is claimed to be, from 0.
        size: Of the tree.
        proof: Unverified.
        root: Of the tree, from a source that is trusted.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    at, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            reached = node_hash(sibling, reached)
            at, last = _past_the_edge(at, last)
        else:
            reached = node_hash(reached, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and reached == root


def verify_consistency(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Whether a proof shows that a tree continues a smaller one.

    The empty tree commits to nothing, so a proof that something continues it would prove nothing, and is refused.

    Args:
        old_size: Of the smaller tree.
        size: Of the larger tree.
        proof: Unverified.
        old_root: Of the smaller tree, from a source that is trusted.
        root: Of the larger tree.

    Source: RFC 9162, section 2.1.4.2.
    """
    if not 0 <= old_size <= size or not _are_hashes(old_root, root, *proof):
        return False
    if old_size == size:
        return not proof and old_root == root and (size > 0 or root == EMPTY_ROOT)
    if old_size == 0 or not proof:
        return False
    is_perfect = old_size & (old_size - 1) == 0
    return _climb([old_root, *proof] if is_perfect else list(proof), old_size - 1, size - 1) == (old_root, root)


def _climb(path: list[bytes], at: int, last: int) -> tuple[bytes, bytes] | None:
    """The roots of the smaller and the larger tree that a consistency path leads to; None where its length is wrong."""
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return None
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            at, last = _past_the_edge(at, last)
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return (old, new) if last == 0 else None


def _past_the_edge(at: int, last: int) -> tuple[int, int]:
    """Climb over the levels at which a node at the right edge has no sibling."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _split(span: range) -> tuple[range, range]:
    """A tree's leaves as those of its two halves: the left one is perfect and as large as can be."""
    middle = span.start + (1 << (len(span) - 1).bit_length() - 1)
    return range(span.start, middle), range(middle, span.stop)


def _beside(index: int, span: range) -> list[range]:
    """The subtrees beside the way from a leaf to the root, lowest first (PATH of RFC 9162, section 2.1.3.1)."""
    if len(span) == 1:
        return []
    left, right = _split(span)
    return [*_beside(index, left), right] if index in left else [*_beside(index, right), left]


def _between(old_size: int, span: range, *, is_whole: bool) -> list[range]:
    """The subtrees that lead from both roots to what they have in common (SUBPROOF of RFC 9162, section 2.1.4.1).

    Args:
        old_size: Of the smaller tree.
        span: The leaves of the subtree that is looked at.
        is_whole: Whether the smaller tree's own root is the subtree's, so that the verifier has it.
    """
    if old_size == span.stop:
        return [] if is_whole else [span]
    left, right = _split(span)
    if old_size <= left.stop:
        return [*_between(old_size, left, is_whole=is_whole), right]
    return [*_between(old_size, right, is_whole=False), left]


def _roots(leaves: Iterable[bytes], subtrees: Sequence[range]) -> tuple[bytes, ...]:
    """The roots of disjoint subtrees, in the order given, in one pass over the leaves."""
    roots: dict[range, bytes] = {}
    stream = iter(leaves)
    reached = 0
    for span in sorted(subtrees, key=lambda span: span.start):
        tree = EMPTY_TREE
        for _ in islice(stream, span.start - reached):
            pass
        for leaf in islice(stream, len(span)):
            tree = tree.append(leaf)
        if tree.size != len(span):
            raise ValueError(f"there are fewer than {span.stop} leaves")
        roots[span] = tree.root()
        reached = span.stop
    return tuple(roots[span] for span in subtrees)
