"""Signed statements: what is unsealed is what was sealed, by whom it counts, as what it was."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError, InvalidInput, Refused
from engine.trust.dsse import countersign, pre_authentication_encoding, seal, signed_by, unseal
from engine.trust.signer import KeySigner

TYPE = "application/vnd.capctl.test.v1+json"


def signer(seed: int) -> KeySigner:
    return KeySigner(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


ONE, TWO = signer(1), signer(2)
KEYS = {each.public_key.kid: each.public_key for each in (ONE, TWO)}


def test_the_encoding_is_that_of_the_specification() -> None:
    """The example of DSSE's protocol.md."""
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@given(st.binary(max_size=200))
def test_what_was_sealed_is_unsealed(payload: bytes) -> None:
    assert unseal(seal(TYPE, payload, [ONE]), TYPE, KEYS).payload == payload


def test_the_same_statement_gives_the_same_bytes() -> None:
    assert seal(TYPE, b"{}", [ONE, TWO]) == seal(TYPE, b"{}", [ONE, TWO])


@given(st.integers(min_value=0), st.integers(0, 7))
def test_any_flipped_bit_is_refused(position: int, bit: int) -> None:
    envelope = bytearray(seal(TYPE, b'{"a":1}', [ONE]))
    envelope[position % len(envelope)] ^= 1 << bit
    with pytest.raises(EngineError):
        unseal(bytes(envelope), TYPE, KEYS)


def test_another_type_is_refused() -> None:
    with pytest.raises(InvalidInput):
        unseal(seal(TYPE, b"{}", [ONE]), "application/vnd.capctl.other.v1+json", KEYS)


def test_a_key_that_does_not_count_is_refused() -> None:
    with pytest.raises(Refused):
        unseal(seal(TYPE, b"{}", [signer(3)]), TYPE, KEYS)


def test_two_of_two_needs_two_keys() -> None:
    assert unseal(seal(TYPE, b"{}", [ONE, TWO]), TYPE, KEYS, threshold=2).kids == KEYS.keys()
    with pytest.raises(Refused):
        unseal(seal(TYPE, b"{}", [ONE, ONE]), TYPE, KEYS, threshold=2)


def test_one_key_under_two_ids_counts_once() -> None:
    """The trap that made one key two of two elsewhere."""
    document = json.loads(seal(TYPE, b"{}", [ONE]))
    document["signatures"].append({**document["signatures"][0], "keyid": "alias"})
    keys = {**KEYS, "alias": ONE.public_key}
    with pytest.raises(Refused):
        unseal(json.dumps(document).encode(), TYPE, keys, threshold=2)


def test_a_countersignature_leaves_the_payload_and_the_first_signature() -> None:
    first = seal(TYPE, b"{}", [ONE])
    both = countersign(first, TYPE, TWO)
    assert signed_by(both, TYPE) == (ONE.public_key.kid, TWO.public_key.kid)
    assert unseal(both, TYPE, KEYS, threshold=2).payload == b"{}"
    assert countersign(both, TYPE, TWO) == both


@pytest.mark.parametrize(
    "change",
    [
        {"payload": base64.b64encode(b"{}").decode() + "\n"},
        {"payload": "e30"},
        {"payload": 5},
        {"signatures": []},
        {"signatures": [{"keyid": "k"}]},
        {"extra": 1},
    ],
)
def test_what_is_no_envelope_is_refused_by_name(change: dict[str, object]) -> None:
    document = {**json.loads(seal(TYPE, b"{}", [ONE])), **change}
    with pytest.raises(InvalidInput):
        unseal(json.dumps(document).encode(), TYPE, KEYS)
