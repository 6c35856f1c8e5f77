"""Hashes are SHA3-256, commitments are RFC 6962 trees: held against published vectors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ids import hash_bytes, hash_json, is_hash, merkle_root, pseudonym, tree_hash

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the published vectors lie beside the checkout")

MEMBERS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=40)


@needs_vectors
def test_published_short_messages(record_property: Callable[[str, object], None]) -> None:
    """NIST's short messages hash to NIST's digests."""
    text = (VECTORS / "nist-sha3" / "SHA3_256ShortMsg.rsp").read_text()
    cases = re.findall(r"Len = (\d+)\s+Msg = (\w+)\s+MD = (\w+)", text)
    assert len(cases) == 137
    for bits, message, digest in cases:
        assert hash_bytes(bytes.fromhex(message)[: int(bits) // 8]) == f"sha3-256:{digest}"
    record_property("tried", f"{len(cases)} messages")


@needs_vectors
def test_published_monte_carlo_chain(record_property: Callable[[str, object], None]) -> None:
    """NIST's chain of a thousand hashes per step is where NIST's is after each of the hundred steps."""
    text = (VECTORS / "nist-sha3" / "SHA3_256Monte.rsp").read_text()
    [seed] = re.findall(r"Seed = (\w+)", text)
    current = bytes.fromhex(seed)
    steps = re.findall(r"MD = (\w+)", text)
    assert len(steps) == 100
    for expected in steps:
        for _ in range(1000):
            current = bytes.fromhex(hash_bytes(current).removeprefix("sha3-256:"))
        assert current.hex() == expected
    record_property("tried", f"{len(steps)} steps of 1,000 hashes")


@needs_vectors
def test_published_tree_roots():
    """Trees of no to eight leaves have the roots that Certificate Transparency publishes (with its SHA-256)."""
    vectors = json.loads((VECTORS / "rfc6962-merkle" / "reference-roots.json").read_text())
    leaves = [bytes.fromhex(leaf) for leaf in vectors["leaf_inputs_hex"]]
    for size, root in enumerate(vectors["root_hashes_hex_by_size_from_0"]):
        assert tree_hash(leaves[:size], hashlib.sha256).hex() == root


def _tree_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not leaves:
        return hashlib.sha3_256().digest()
    if len(leaves) == 1:
        return hashlib.sha3_256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    parts = _tree_by_definition(leaves[:split]) + _tree_by_definition(leaves[split:])
    return hashlib.sha3_256(b"\x01" + parts).digest()


@given(MEMBERS)
def test_a_root_is_the_tree_of_the_sorted_members(members):
    """The quick construction is the RFC's recursive one, for every size."""
    leaves = [member.encode() for member in sorted(set(members))]
    assert merkle_root(members) == "sha3-256:" + _tree_by_definition(leaves).hex()


@given(MEMBERS, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_change_a_root(members, random):
    """A list is a set: whoever imports it, in whatever order, names it alike."""
    again = [*members, *members[:3]]
    random.shuffle(again)
    assert merkle_root(again) == merkle_root(members)


@given(MEMBERS, st.text(st.characters(exclude_categories=["Cs"])))
def test_another_member_is_another_root(members, extra):
    """Adding somebody to a list cannot go unnoticed."""
    assert (merkle_root([*members, extra]) == merkle_root(members)) == (extra in members)


def test_a_leaf_cannot_pose_as_a_node():
    """Two members and one member made of their hashes are different lists (second preimage)."""
    assert tree_hash([b"a", b"b"]) != tree_hash([tree_hash([b"a"]) + tree_hash([b"b"])])


def test_hashes_are_written_one_way():
    """The spelling of a hash is fixed: prefix, lower case, 64 digits."""
    assert hash_json({"b": 1, "a": 2}) == hash_bytes(b'{"a":2,"b":1}')
    assert is_hash(hash_bytes(b""))
    for wrong in (None, "", "sha3-256:" + "A" * 64, "sha3-256:" + "0" * 63, "0" * 64, f"{hash_bytes(b'')}\n"):
        assert not is_hash(wrong)


def test_a_pseudonym_is_stable_and_keyed():
    """The same secret gives the same pseudonym; another secret another one, so that names cannot be tried out."""
    assert pseudonym(b"one", "a-subject") == pseudonym(b"one", "a-subject")
    assert pseudonym(b"one", "a-subject") != pseudonym(b"two", "a-subject")
    assert "a-subject" not in pseudonym(b"one", "a-subject")
