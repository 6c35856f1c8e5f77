"""Published vectors: the signatures we make and accept are those of the standard."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import OKPKey

from engine.trust.jws import encode_segment
from engine.trust.signature import fits, import_public_key, is_signed_by

Vector = Callable[[str], Path]


def test_wycheproof_ed25519(vector: Vector) -> None:
    """151 cases, accepted exactly when they are valid."""
    document = json.loads(vector("wycheproof-ed25519/ed25519_test.json").read_text())
    wrong, count = [], 0
    for group in document["testGroups"]:
        jwk = group["publicKeyJwk"]
        key = import_public_key({name: jwk[name] for name in ("kty", "crv", "x")})
        for case in group["tests"]:
            accepted = fits(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]), key, alg="Ed25519")
            count += 1
            if accepted != (case["result"] == "valid"):
                wrong.append(case["tcId"])
    assert (wrong, count) == ([], 151)


def test_reference_signatures(vector: Vector) -> None:
    """Ed25519 is deterministic: all 1,024 signatures come out bit for bit, and are accepted by the other side."""
    lines = gzip.decompress(vector("ed25519-ref/sign.input.gz").read_bytes()).decode().splitlines()
    for line in lines:
        seed, public, message, signed = (bytes.fromhex(field) for field in line.split(":")[:4])
        signature = Ed25519PrivateKey.from_private_bytes(seed[:32]).sign(message)
        assert signature == signed[:64]
        key = import_public_key({"kty": "OKP", "crv": "Ed25519", "x": encode_segment(public).decode()})
        assert fits(signature, message, key, alg="Ed25519")
    assert len(lines) == 1024


def test_wycheproof_ecdsa_p256(vector: Vector) -> None:
    """ES256: every valid case is accepted in the form JOSE has for it, and no invalid one is."""
    document = json.loads(vector("wycheproof-kms/ecdsa_secp256r1_sha256_test.json").read_text())
    wrong, judged = [], 0
    for group in document["testGroups"]:
        public = group["publicKey"]
        x, y = (encode_segment(bytes.fromhex(public[axis].rjust(64, "0")[-64:])).decode() for axis in ("wx", "wy"))
        key = import_public_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        for case in group["tests"]:
            raw = _raw_signature(bytes.fromhex(case["sig"]))
            if raw is None:  # broken DER, or numbers that JOSE's 64 bytes cannot even spell
                assert case["result"] == "invalid"
                continue
            judged += 1
            if fits(raw, bytes.fromhex(case["msg"]), key, alg="ES256") != (case["result"] == "valid"):
                wrong.append((case["tcId"], case["comment"]))
    assert (wrong, judged) == ([], 249)


def _raw_signature(der: bytes) -> bytes | None:
    try:
        r, s = decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError):
        return None


def _public(jwk: dict[str, Any], *names: str) -> dict[str, str]:
    return {name: jwk[name] for name in ("kty", *names)}


@pytest.mark.parametrize(
    ("name", "members"),
    [("jws/4_1.rsa_v15_signature.json", ("n", "e")), ("curve25519/jws.json", ("crv", "x"))],
)
def test_jose_cookbook(vector: Vector, name: str, members: tuple[str, ...]) -> None:
    """The worked examples of RFC 7520 (RS256) and RFC 8037 (EdDSA) are accepted under their own algorithm only."""
    example = json.loads(vector(f"jose-cookbook/{name}").read_text())
    token, alg = example["output"]["compact"].encode(), example["input"]["alg"]
    key = import_public_key(_public(example["input"]["key"], *members))
    assert is_signed_by(token, key, alg=alg)
    assert not is_signed_by(token, key, alg="ES256")


def test_our_signature_of_the_rfc_8037_example_is_the_same(vector: Vector) -> None:
    example = json.loads(vector("jose-cookbook/curve25519/jws.json").read_text())
    key = OKPKey.import_key(example["input"]["key"]).private_key
    assert isinstance(key, Ed25519PrivateKey)
    signature = encode_segment(key.sign(example["signing"]["sig-input"].encode())).decode()
    assert signature == example["signing"]["sig"]
