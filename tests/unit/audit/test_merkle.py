"""The tree: the published roots and proofs, and what must hold of every proof."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit.merkle import EMPTY_ROOT, EMPTY_TREE, CompactRange, leaf_hash
from engine.audit.proofs import prove_consistency, prove_inclusion, verify_consistency, verify_inclusion
from engine.ids import tree_hash

VECTORS = Path(__file__).parents[4] / "shared" / "vectors" / "rfc6962-merkle"
PLACEHOLDER_ROOTS = "roots match and sizes are one"

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the published vectors are not on this machine")


def vectors(kind: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted((VECTORS / "testdata" / kind).rglob("*.json"))]


def decode(values: list[str] | None) -> list[bytes]:
    return [base64.b64decode(value) for value in values or []]


def grown(leaves: list[bytes]) -> CompactRange:
    tree = EMPTY_TREE
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree


@needs_vectors
def test_published_roots(record_property: Callable[[str, object], None]) -> None:
    reference = json.loads((VECTORS / "reference-roots.json").read_bytes())
    leaves = [leaf_hash(bytes.fromhex(data)) for data in reference["leaf_inputs_hex"]]
    roots = [bytes.fromhex(root) for root in reference["root_hashes_hex_by_size_from_0"]]
    assert [grown(leaves[:size]).root() for size in range(len(roots))] == roots
    record_property("tried", f"{len(roots)} roots")


@needs_vectors
def test_published_inclusion_proofs(record_property: Callable[[str, object], None]) -> None:
    """Each of the 98 is accepted or refused as published."""
    cases = vectors("inclusion")
    assert len(cases) == 98
    for case in cases:
        [leaf, root] = decode([case["leafHash"], case["root"]])
        accepted = verify_inclusion(leaf, case["leafIdx"], case["treeSize"], decode(case["proof"]), root)
        assert accepted is not case["wantErr"], case["desc"]
    record_property("tried", f"{len(cases)} proofs")


@needs_vectors
def test_published_consistency_proofs(record_property: Callable[[str, object], None]) -> None:
    """97 of the 98; the last one calls 12 bytes a root, which is refused here on purpose."""
    cases = vectors("consistency")
    assert len(cases) == 98
    otherwise = []
    for case in cases:
        [old_root, root] = decode([case["root1"], case["root2"]])
        accepted = verify_consistency(case["size1"], case["size2"], decode(case["proof"]), old_root, root)
        if accepted is case["wantErr"]:
            otherwise.append((len(old_root), len(root), accepted))
    assert otherwise == [(12, 12, False)]
    record_property("tried", f"{len(cases) - len(otherwise)} proofs, and {len(otherwise)} of no hash refused")


lines = st.lists(st.binary(max_size=8), min_size=1, max_size=70, unique=True)
"""Different ones, as the lines of the trail are: each has its number."""


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_a_tree_that_grew_has_the_root_of_one_that_was_built(data: list[bytes]) -> None:
    tree = grown([leaf_hash(line) for line in data])
    assert tree.root() == tree_hash(data, hashlib.sha256)
    assert CompactRange.from_bytes(tree.size, tree.to_bytes()) == tree
    assert len(tree.hashes) == len(data).bit_count()


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_stored_tree_of_the_wrong_length_is_refused(size: int, length: int) -> None:
    if length == size.bit_count() * 32:
        return
    with pytest.raises(ValueError):
        CompactRange.from_bytes(size, bytes(length))


@given(lines, st.data())
def test_every_line_of_every_length_can_be_proven(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(line) for line in data]
    size = draw.draw(st.integers(1, len(leaves)))
    index = draw.draw(st.integers(0, size - 1))
    proof = prove_inclusion(leaves, index, size)
    assert len(proof) <= (size - 1).bit_length()
    assert verify_inclusion(leaves[index], index, size, proof, grown(leaves[:size]).root())


@given(lines, st.data())
def test_every_growth_can_be_proven(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [leaf_hash(line) for line in data]
    size = draw.draw(st.integers(1, len(leaves)))
    old = draw.draw(st.integers(1, size))
    proof = prove_consistency(leaves, old, size)
    assert verify_consistency(old, size, proof, grown(leaves[:old]).root(), grown(leaves[:size]).root())


@given(lines, st.data())
def test_an_inclusion_proof_proves_nothing_else(data: list[bytes], draw: st.DataObject) -> None:
    """Not another line, not another place, not with a bit changed, dropped or added anywhere."""
    leaves = [leaf_hash(line) for line in data]
    size, root = len(leaves), grown(leaves).root()
    index = draw.draw(st.integers(0, size - 1))
    proof = list(prove_inclusion(leaves, index, size))
    elsewhere = draw.draw(st.integers(-1, size + 1).filter(lambda other: other != index))
    assert not verify_inclusion(leaves[index], elsewhere, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"never said" * 2), index, size, proof, root)
    assert not verify_inclusion(leaves[index], index, size, [*proof, root], root)
    if proof:
        altered = list(proof)
        place = draw.draw(st.integers(0, len(proof) - 1))
        altered[place] = bytes([altered[place][0] ^ 1]) + altered[place][1:]
        assert not verify_inclusion(leaves[index], index, size, altered, root)
        assert not verify_inclusion(leaves[index], index, size, proof[:-1], root)


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=70), st.data())
def test_a_rewritten_past_is_not_continued(data: list[bytes], draw: st.DataObject) -> None:
    """However the proof is made: an honest one over the rewritten leaves, or the one over the true ones."""
    leaves = [leaf_hash(line) for line in data]
    old = draw.draw(st.integers(1, len(leaves) - 1))
    old_root = grown(leaves[:old]).root()
    rewritten = list(leaves)
    rewritten[draw.draw(st.integers(0, old - 1))] = leaf_hash(b"rewritten" * 2)
    for source in (leaves, rewritten):
        proof = prove_consistency(source, old, len(leaves))
        assert not verify_consistency(old, len(leaves), proof, old_root, grown(rewritten).root())


@given(st.integers(0, 5), st.integers(0, 5), st.lists(st.binary(min_size=32, max_size=32), max_size=3))
def test_nothing_continues_an_empty_trail(old: int, size: int, proof: list[bytes]) -> None:
    """The corner that verifiers get wrong: sizes of zero, and the hash of nothing."""
    empty = EMPTY_ROOT
    accepted = verify_consistency(old, size, proof, empty, empty)
    assert accepted is (old == size and not proof)
    assert not verify_inclusion(empty, old, 0, proof, empty)


@given(st.integers(-2, 40), st.integers(-2, 40))
def test_what_cannot_be_proven_is_refused(first: int, second: int) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(20)]
    if not 0 <= first < second <= 20:
        with pytest.raises(ValueError):
            prove_inclusion(leaves, first, second)
    if not 0 < first <= second:
        with pytest.raises(ValueError):
            prove_consistency(leaves, first, second)
