"""Which public keys are believed, and how they are named and published."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from engine.errors import EngineError, InvalidInput, Refused
from engine.trust import KeyState, PublicKey, ResultSigner, parse_jwks, thumbprint, to_jwks
from engine.trust.edwards import is_sound_public_key
from engine.trust.jws import decode_segment, encode_segment

P = 2**255 - 19

SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",  # order 4
    "0000000000000000000000000000000000000000000000000000000000000080",  # order 4
    "0100000000000000000000000000000000000000000000000000000000000000",  # the identity
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  # order 8
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",  # order 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",  # order 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",  # order 8
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # order 2
]
"""The eight points of small order (RFC 7748, section 7; listed by curve libraries)."""

MIXED_ORDER = [
    "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
    "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
]
"""Points with a component of small order ("Taming the many EdDSAs", Chalkias et al., 2020, table 5)."""


def okp_entry(raw: bytes, **members: Any) -> dict[str, Any]:
    x = encode_segment(raw).decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": thumbprint(raw), **members}


@pytest.mark.parametrize("encoded", SMALL_ORDER + MIXED_ORDER)
def test_a_point_outside_the_prime_order_group_is_no_key(encoded: str) -> None:
    """Under such a key one signature can fit many messages, so it never enters a key set."""
    assert not is_sound_public_key(bytes.fromhex(encoded))
    with pytest.raises(Refused) as refused:
        parse_jwks({"keys": [okp_entry(bytes.fromhex(encoded))]})
    assert refused.value.code == "trust.weak_key"


@given(st.integers(P, 2**255 - 1), st.sampled_from([0, 1 << 255]))
@settings(max_examples=19)
def test_a_second_spelling_of_a_point_is_no_key(y: int, sign: int) -> None:
    assert not is_sound_public_key((y | sign).to_bytes(32, "little"))


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=25, deadline=None)
def test_every_honest_key_is_sound(seed: bytes) -> None:
    assert is_sound_public_key(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


@given(st.binary(max_size=40).filter(lambda raw: len(raw) != 32))
def test_a_key_has_32_bytes(raw: bytes) -> None:
    assert not is_sound_public_key(raw)


@pytest.mark.slow
def test_all_reference_keys_are_sound(vector: Callable[[str], Path]) -> None:
    """The 1,024 keys of the reference implementation are honest ones."""
    lines = gzip.decompress(vector("ed25519-ref/sign.input.gz").read_bytes()).decode().splitlines()
    assert sum(is_sound_public_key(bytes.fromhex(line.split(":")[1])) for line in lines) == 1024


def test_the_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    """RFC 8037, appendix A.3, names the thumbprint of its example key."""
    raw = decode_segment(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert thumbprint(raw) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_another_library_gives_the_same_key_id(signer: ResultSigner, jwks: dict[str, Any]) -> None:
    [entry] = jwks["keys"]
    members = {name: entry[name] for name in ("kty", "crv", "x", "alg", "use")}
    assert OKPKey.import_key(members).thumbprint() == signer.kid == entry["kid"]


def test_a_key_set_survives_publication(signer: ResultSigner, now: datetime) -> None:
    """States and ends are part of what is published, and come back equal."""
    raw = signer.public_keys()[0].raw
    for key in (PublicKey(raw), PublicKey(raw, KeyState.RETIRING, now), PublicKey(raw, KeyState.RETIRED)):
        document = json.loads(json.dumps(to_jwks([key])))
        assert parse_jwks(document) == {signer.kid: key}


def test_a_key_is_refused_from_the_very_instant_of_its_end(signer: ResultSigner, now: datetime) -> None:
    key = PublicKey(signer.public_keys()[0].raw, KeyState.RETIRING, verify_until=now)
    assert key.accepts(now - timedelta(microseconds=1))
    assert not key.accepts(now)


def test_a_retired_key_is_refused_whatever_its_end(signer: ResultSigner, now: datetime) -> None:
    assert not PublicKey(signer.public_keys()[0].raw, KeyState.RETIRED, now + timedelta(days=1)).accepts(now)


def test_keys_of_other_kinds_are_skipped(signer: ResultSigner, jwks: dict[str, Any]) -> None:
    """RFC 7517, section 5: a set may grow kinds of keys that we do not know."""
    document = {"keys": [{"kty": "AKP", "alg": "ML-DSA-44"}, *jwks["keys"], {"kty": "OKP", "crv": "X25519"}]}
    assert set(parse_jwks(document)) == {signer.kid}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kid": "chosen-by-hand"}, "trust.jwks_malformed"),
        ({"kid": None}, "trust.jwks_malformed"),
        ({"x": "AAAA="}, "trust.jwks_malformed"),
        ({"x": 5}, "trust.jwks_malformed"),
        ({"x": "AAAA"}, "trust.weak_key"),
        ({"state": "resurrected"}, "trust.jwks_malformed"),
        ({"state": ["active"]}, "trust.jwks_malformed"),
        ({"verify_until": "soon"}, "trust.jwks_malformed"),
        ({"verify_until": 1767225600}, "trust.jwks_malformed"),
        ({"alg": "HS256"}, "trust.jwks_malformed"),
        ({"use": "enc"}, "trust.jwks_malformed"),
        ({"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}, "trust.private_key_published"),
    ],
)
def test_a_doubtful_key_spoils_the_set(jwks: dict[str, Any], change: dict[str, Any], code: str) -> None:
    """These are our own keys: an entry that is not as we write it means that someone else wrote it."""
    with pytest.raises(EngineError) as refused:
        parse_jwks({"keys": [{**jwks["keys"][0], **change}]})
    assert refused.value.code == code


@pytest.mark.parametrize("keys", [None, {}, "x", [1], [[]]])
def test_what_is_no_key_set_is_refused(keys: Any) -> None:
    with pytest.raises(InvalidInput):
        parse_jwks({"keys": keys})


def test_a_key_listed_twice_is_refused(jwks: dict[str, Any]) -> None:
    """One key under two entries would count as two where signatures are counted."""
    with pytest.raises(InvalidInput, match="twice"):
        parse_jwks({"keys": jwks["keys"] * 2})


def test_a_key_set_is_bounded(jwks: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="16"):
        parse_jwks({"keys": jwks["keys"] * 17})
