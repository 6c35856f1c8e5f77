"""Published vectors: the signatures we make and accept are those of the standard."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import OKPKey

from engine.settings import Settings
from engine.trust.backend import FileBackend
from engine.trust.dsse import pre_authentication_encoding
from engine.trust.edwards import verifies
from engine.trust.jws import JwsError, UnverifiedJws, encode_segment, parse_compact
from engine.trust.signature import fits, import_public_key, is_signed_by
from engine.verifier.auth.config import ALGORITHMS

Vector = Callable[[str], Path]
Record = Callable[[str, object], None]


def test_wycheproof_ed25519(vector: Vector, record_property: Record) -> None:
    """151 cases, accepted exactly when they are valid; by the arithmetic that tries out new keys, too."""
    document = json.loads(vector("wycheproof-ed25519/ed25519_test.json").read_text())
    wrong, count = [], 0
    for group in document["testGroups"]:
        jwk = group["publicKeyJwk"]
        key = import_public_key({name: jwk[name] for name in ("kty", "crv", "x")})
        for case in group["tests"]:
            signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
            accepted = fits(signature, message, key, alg="Ed25519")
            again = verifies(bytes.fromhex(group["publicKey"]["pk"]), signature, message)
            count += 1
            if {accepted, again} != {case["result"] == "valid"}:
                wrong.append(case["tcId"])
    assert (wrong, count) == ([], 151)
    record_property("tried", f"{count} signatures")


@pytest.mark.slow
def test_reference_signatures(vector: Vector, tmp_path: Path, record_property: Record) -> None:
    """Ed25519 is deterministic: keys in files make all 1,024 bit for bit, and the other side accepts them."""
    backend = FileBackend(replace(Settings(), env="dev", state_dir=tmp_path), environ={})
    (tmp_path / "keys").mkdir(mode=0o700)
    file = tmp_path / "keys" / "response.pem"
    file.touch(mode=0o600)
    lines = gzip.decompress(vector("ed25519-ref/sign.input.gz").read_bytes()).decode().splitlines()
    for line in lines:
        seed, public, message, signed = (bytes.fromhex(field) for field in line.split(":")[:4])
        private = Ed25519PrivateKey.from_private_bytes(seed[:32])
        file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        signature = backend.open("file:response.pem").sign(message)
        assert signature == signed[:64]
        key = import_public_key({"kty": "OKP", "crv": "Ed25519", "x": encode_segment(public).decode()})
        assert fits(signature, message, key, alg="Ed25519")
    assert len(lines) == 1024
    record_property("tried", f"{len(lines):,} signatures")


def test_wycheproof_ecdsa_p256(vector: Vector, record_property: Record) -> None:
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
    record_property("tried", f"{document['numberOfTests']} signatures, {judged} that JOSE can spell")


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


def test_published_jws_are_accepted_by_algorithm_and_form_only(vector: Vector, record_property: Record) -> None:
    """Of every JWS of RFC 7520, 7797 and 8037: RS256 in the compact form, as tokens are; all else is refused.

    PS384, ES512 and HS256 are sound and not granted, keys that are shared least of all; the JSON forms, detached and
    unencoded payloads could be read in two ways; the example of RFC 8037 does not say which key it is of.
    """
    examples = [json.loads(path.read_bytes()) for path in sorted(vector("jose-cookbook").rglob("*.json"))]
    forms = _signed_forms(examples)
    read = [jws.alg for form in forms if (jws := _parsed(form)) is not None]
    assert len(forms) == 28
    assert read == ["RS256"]
    record_property("tried", f"{len(forms)} forms of 11 examples")


def _signed_forms(examples: list[dict[str, Any]]) -> list[bytes]:
    forms = [form for example in examples if "signing" in example for form in example["output"].values()]
    return [(form if isinstance(form, str) else json.dumps(form)).encode() for form in forms]


def _parsed(token: bytes) -> UnverifiedJws | None:
    try:
        return parse_compact(token, max_bytes=8192, algorithms=ALGORITHMS)
    except JwsError:
        return None


def test_the_published_dsse_envelope(vector: Vector) -> None:
    """Its signature fits what this project takes for the signed bytes."""
    published = json.loads(vector("dsse/protocol-vector.json").read_text())
    x, y = (encode_segment(int(published["key"][axis]).to_bytes(32, "big")).decode() for axis in ("x", "y"))
    key = import_public_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    envelope = published["envelope"]
    signed = pre_authentication_encoding(envelope["payloadType"], base64.b64decode(envelope["payload"]))
    [signature] = envelope["signatures"]
    assert fits(base64.b64decode(signature["sig"]), signed, key, alg="ES256")


def test_our_signature_of_the_rfc_8037_example_is_the_same(vector: Vector) -> None:
    example = json.loads(vector("jose-cookbook/curve25519/jws.json").read_text())
    key = OKPKey.import_key(example["input"]["key"]).private_key
    assert isinstance(key, Ed25519PrivateKey)
    signature = encode_segment(key.sign(example["signing"]["sig-input"].encode())).decode()
    assert signature == example["signing"]["sig"]
