"""An issuer's key set: what is weak or unclear in it is not used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from engine.errors import InvalidInput
from engine.trust.jws import encode_segment
from engine.verifier.auth import AuthError, AuthReason
from engine.verifier.auth.keys import MAX_JWKS_BYTES, parse_issuer_keys, read_issuer_keys


@pytest.mark.parametrize(("kind", "algorithms"), [("rsa", {"RS256"}), ("ec", {"ES256"}), ("ed", {"EdDSA", "Ed25519"})])
def test_a_key_serves_the_algorithms_of_its_kind(forge: Any, kind: str, algorithms: set[str]) -> None:
    assert parse_issuer_keys(forge.jwks()).find(kind).algorithms == algorithms


@pytest.mark.parametrize(("kind", "alg"), [("rsa", "RS256"), ("ec", "ES256"), ("ed", "EdDSA"), ("ed", "Ed25519")])
def test_a_key_may_say_its_algorithm(forge: Any, kind: str, alg: str) -> None:
    assert alg in parse_issuer_keys({"keys": [forge.jwk(kind, alg=alg, use="sig")]}).find(kind).algorithms


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("rsa", {"alg": "PS256"}),
        ("rsa", {"alg": "HS256"}),
        ("rsa", {"alg": 5}),
        ("rsa", {"use": "enc"}),
        ("rsa", {"key_ops": ["encrypt"]}),
        ("rsa", {"key_ops": "verify"}),
        ("rsa", {"e": "AQ"}),
        ("rsa", {"e": "Aw"}),
        ("rsa", {"e": "AQAC"}),
        ("rsa", {"e": encode_segment(b"\x01" + b"\x00" * 63 + b"\x01").decode()}),
        ("rsa", {"n": "AQAB"}),
        ("rsa", {"n": encode_segment(b"\xff" * 1025).decode()}),
        ("rsa", {"n": "not base64!"}),
        ("rsa", {"d": "AQAB"}),
        ("ec", {"crv": "P-384"}),
        ("ec", {"crv": "secp256k1"}),
        ("ec", {"x": "AAAA"}),
        ("ec", {"y": encode_segment(b"\x01" * 32).decode()}),
        ("ed", {"crv": "Ed448"}),
        ("ed", {"crv": "X25519"}),
        ("ed", {"x": encode_segment(b"\x00" * 32).decode()}),
        ("ed", {"x": "é"}),
        ("ed", {"kty": "oct", "k": "c2VjcmV0"}),
        ("ed", {"kty": "AKP"}),
        ("ed", {"kty": None}),
    ],
)
def test_a_weak_or_foreign_key_is_left_out(forge: Any, kind: str, members: dict[str, Any]) -> None:
    """Only that key: an issuer that adds a kind we do not know must not lock everybody out."""
    keys = parse_issuer_keys({"keys": [forge.jwk(kind, **members), forge.jwk("ec", kid="good")]})
    assert keys.find("good").algorithms == {"ES256"}
    with pytest.raises(AuthError) as denied:
        keys.find(kind)
    assert denied.value.reason is AuthReason.KID_UNKNOWN


def test_a_short_rsa_key_is_left_out(forge: Any) -> None:
    number = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
    short = forge.jwk("rsa", n=encode_segment(number.to_bytes(128, "big")).decode())
    assert not parse_issuer_keys({"keys": [short]}).by_kid


def test_a_key_id_that_stands_twice_is_not_used(forge: Any) -> None:
    keys = parse_issuer_keys({"keys": [forge.jwk("rsa", kid="same"), forge.jwk("ed", kid="same"), forge.jwk("ec")]})
    with pytest.raises(AuthError) as denied:
        keys.find("same")
    assert denied.value.reason is AuthReason.KID_AMBIGUOUS
    assert set(keys.by_kid) == {"ec"}


@pytest.mark.parametrize("kid", [..., "", 5, None, ["rsa"]])
def test_a_key_without_an_id_is_not_used(forge: Any, kid: Any) -> None:
    entry = forge.jwk("rsa", kid=kid)
    if kid is ...:
        del entry["kid"]
    assert not parse_issuer_keys({"keys": [entry]}).by_kid


def test_an_empty_set_is_a_set(forge: Any) -> None:
    """An issuer that withdrew every key means it."""
    assert not parse_issuer_keys({"keys": []}).by_kid


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[1]}',
        b'{"keys":[],"keys":[]}',
        b"<html>",
        b"\xff",
        b'{"keys":[' + b"[" * 5000 + b"]" * 5000 + b"]}",
        b'{"keys":[{"kid":NaN}]}',
    ],
)
def test_rubbish_is_no_key_set(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_issuer_keys(body)


def test_a_key_set_is_bounded(forge: Any) -> None:
    with pytest.raises(InvalidInput, match="16"):
        parse_issuer_keys({"keys": [forge.jwk("ed", kid=str(n)) for n in range(17)]})
    with pytest.raises(InvalidInput, match="65536"):
        read_issuer_keys(json.dumps(forge.jwks()).encode().ljust(MAX_JWKS_BYTES + 1))
    assert read_issuer_keys(json.dumps(forge.jwks()).encode().ljust(MAX_JWKS_BYTES)).by_kid
