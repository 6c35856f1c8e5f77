"""Signed results: what the verifier signed is accepted, and nothing else ever is."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet

from engine.canonical import MAX_SAFE_INTEGER, canonical_json
from engine.errors import EngineError, InvalidInput
from engine.trust import KeySigner, KeyState, PublicKey, ResultSigner, to_jwks, verify_result
from engine.trust.jws import encode_segment
from engine.trust.signing import RESULT_TYPE, statement
from engine.trust.verifying import MAX_RESULT_BYTES, MAX_TOKEN_BYTES

RESULT = {"verdict": "ok", "suppliers": {"sha3-256:" + "ab" * 32: "ok"}, "policy_id": "lksg.v1"}

shared_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abké", max_size=4), inner, max_size=4),
)
documents = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda name: name not in ("kid", "signature")),
    _values,
    max_size=6,
)


def code_of(unverified: Any, jwks: dict[str, Any], now: datetime) -> str:
    """The code with which a result is refused."""
    with pytest.raises(EngineError) as refused:
        verify_result(unverified, jwks, now=now)
    return refused.value.code


def forge(key: Ed25519PrivateKey, header: bytes, named: dict[str, Any], payload: bytes | None = None) -> dict[str, Any]:
    """A result under a signature with any header, over its statement or any other payload, really signed."""
    stated = statement(named, canonical_json(named)) if payload is None else payload
    signing_input = encode_segment(header) + b"." + encode_segment(stated)
    return {**named, "signature": (signing_input + b"." + encode_segment(key.sign(signing_input))).decode()}


@given(document=documents)
@shared_fixtures
def test_what_was_signed_is_accepted_in_every_form(
    signer: ResultSigner, jwks: dict[str, Any], now: datetime, document: dict[str, Any]
) -> None:
    signed = signer.sign(document)
    forms = [
        signed.to_document(),
        signed.to_document().decode(),
        json.loads(signed.to_document()),
        json.dumps(json.loads(signed.to_document()), indent=2, ensure_ascii=False),
    ]
    for form in forms:
        verified = verify_result(form, jwks, now=now)
        assert verified.document == {**document, "kid": signer.kid}
        assert (verified.kid, verified.key_state) == (signer.kid, KeyState.ACTIVE)


def test_signing_twice_gives_the_same_bytes(private_key: Ed25519PrivateKey) -> None:
    """Same inputs, same bytes, also in another process with the same key."""
    shuffled = dict(reversed(RESULT.items()))
    assert ResultSigner(KeySigner(private_key)).sign(RESULT) == ResultSigner(KeySigner(private_key)).sign(shuffled)


def test_any_jose_library_can_check_a_result(signer: ResultSigner, jwks: Any) -> None:
    """Straight through joserfc with the published key set, none of our own reading in between."""
    document = json.loads(signer.sign(RESULT).to_document())
    checked = jws.deserialize_compact(document.pop("signature"), KeySet.import_key_set(jwks), algorithms=["Ed25519"])
    assert checked.headers() == {"alg": "Ed25519", "kid": signer.kid, "typ": "capctl-verify+jwt"}
    compact = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert json.loads(checked.payload) == {
        "policy_id": "lksg.v1",
        "result_sha256": hashlib.sha256(compact).hexdigest(),
        "verdict": "ok",
    }


@given(data=st.data())
@shared_fixtures
def test_no_change_to_a_signature_is_accepted(
    signer: ResultSigner, jwks: dict[str, Any], now: datetime, data: st.DataObject
) -> None:
    signed = signer.sign(RESULT)
    mutated = _mutate(signed.token.encode(), data).decode("latin-1")
    assume(mutated != signed.token)
    with pytest.raises(EngineError):
        verify_result({**json.loads(signed.to_document()), "signature": mutated}, jwks, now=now)


@given(data=st.data())
@shared_fixtures
def test_whatever_is_accepted_of_a_changed_document_says_what_was_signed(
    signer: ResultSigner, jwks: dict[str, Any], now: datetime, data: st.DataObject
) -> None:
    """White space and the order of members may change; what the document says may not."""
    mutated = _mutate(signer.sign(RESULT).to_document(), data)
    try:
        verified = verify_result(mutated, jwks, now=now)
    except EngineError:
        return
    assert verified.document == {**RESULT, "kid": signer.kid}


@given(document=documents, other=documents)
@shared_fixtures
def test_a_signature_fits_one_document_only(
    signer: ResultSigner, jwks: dict[str, Any], now: datetime, document: dict[str, Any], other: dict[str, Any]
) -> None:
    assume(canonical_json(document) != canonical_json(other))
    moved = {**other, "kid": signer.kid, "signature": signer.sign(document).token}
    assert code_of(moved, jwks, now) == "trust.signature_invalid"


def _mutate(original: bytes, data: st.DataObject) -> bytes:
    at = data.draw(st.integers(0, len(original) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "insert", "swap", "truncate"])):
        case "flip":
            return original[:at] + bytes([original[at] ^ data.draw(st.integers(1, 255))]) + original[at + 1 :]
        case "cut":
            return original[:at] + original[data.draw(st.integers(at + 1, len(original))) :]
        case "insert":
            return original[:at] + data.draw(st.binary(min_size=1, max_size=4)) + original[at:]
        case "swap":
            return original[at:] + original[:at]
        case _:
            return original[:at]


@pytest.mark.parametrize("member", ["verdict", "policy_id", "kid"])
def test_an_edited_member_is_found(signer: ResultSigner, jwks: dict[str, Any], now: datetime, member: str) -> None:
    document = {**json.loads(signer.sign(RESULT).to_document()), member: "edited"}
    assert code_of(document, jwks, now) == "trust.signature_invalid"


@pytest.mark.parametrize("member", ["kid", "signature"])
def test_signing_does_not_overwrite_a_member(signer: ResultSigner, member: str) -> None:
    with pytest.raises(InvalidInput):
        signer.sign({**RESULT, member: "mine"})


def test_a_result_without_a_canonical_form_is_not_signed(signer: ResultSigner) -> None:
    with pytest.raises(InvalidInput):
        signer.sign({"ratio": float("nan")})


def test_a_result_of_another_verifier_is_refused(jwks: dict[str, Any], now: datetime) -> None:
    stranger = ResultSigner(KeySigner(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)))
    assert code_of(stranger.sign(RESULT).to_document(), jwks, now) == "trust.key_unknown"


def test_a_stranger_cannot_borrow_a_key_id(signer: ResultSigner, jwks: dict[str, Any], now: datetime) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    header = canonical_json({"alg": "Ed25519", "kid": signer.kid, "typ": RESULT_TYPE})
    assert code_of(forge(stranger, header, {**RESULT, "kid": signer.kid}), jwks, now) == "trust.signature_invalid"


@pytest.mark.parametrize("state", [KeyState.UPCOMING, KeyState.ACTIVE, KeyState.RETIRING])
def test_a_key_is_accepted_until_its_end_and_not_at_it(signer: ResultSigner, now: datetime, state: KeyState) -> None:
    key = PublicKey(signer.public_keys()[0].raw, state, verify_until=now)
    signed = signer.sign(RESULT).to_document()
    assert verify_result(signed, to_jwks([key]), now=now - timedelta(seconds=1)).key_state is state
    assert code_of(signed, to_jwks([key]), now) == "trust.key_retired"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"alg": "none"}, "trust.algorithm_refused"),
        ({"alg": "HS256"}, "trust.algorithm_refused"),
        ({"alg": "EdDSA"}, "trust.algorithm_refused"),
        ({"alg": "Ed448"}, "trust.algorithm_refused"),
        ({"alg": None}, "trust.algorithm_refused"),
        ({"kid": None}, "trust.result_malformed"),
        ({"kid": ""}, "trust.result_malformed"),
        ({"typ": "at+jwt"}, "trust.wrong_type"),
        ({"typ": None}, "trust.wrong_type"),
        ({"jku": "https://attacker.example/jwks"}, "trust.header_refused"),
        ({"x5u": "https://attacker.example/cert"}, "trust.header_refused"),
        ({"jwk": {"kty": "OKP"}}, "trust.header_refused"),
        ({"crit": ["b64"], "b64": False}, "trust.header_refused"),
        ({"crit": []}, "trust.header_refused"),
        ({"zip": "DEF"}, "trust.header_refused"),
    ],
)
def test_the_header_decides_nothing(
    *,
    private_key: Ed25519PrivateKey,
    signer: ResultSigner,
    jwks: dict[str, Any],
    now: datetime,
    header: dict[str, Any],
    code: str,
) -> None:
    """One algorithm, one type, and a key named by its id only, even under a signature that is good."""
    full = canonical_json({"alg": "Ed25519", "kid": signer.kid, "typ": RESULT_TYPE, **header})
    assert code_of(forge(private_key, full, {**RESULT, "kid": signer.kid}), jwks, now) == code


def test_a_key_id_with_two_spellings_in_the_header_is_refused(
    private_key: Ed25519PrivateKey, signer: ResultSigner, jwks: dict[str, Any], now: datetime
) -> None:
    header = f'{{"alg":"Ed25519","kid":"{signer.kid}","kid":"other","typ":"{RESULT_TYPE}"}}'.encode()
    forged = forge(private_key, header, {**RESULT, "kid": signer.kid})
    assert code_of(forged, jwks, now) == "trust.result_malformed"


@pytest.mark.parametrize(
    "payload",
    [
        lambda stated: stated[:-1] + b',"exp":9999999999}',
        lambda stated: stated.replace(b'"policy_id":"lksg.v1",', b""),
        lambda stated: stated.replace(b'"verdict":"ok"', b'"verdict":"fail"'),
        lambda stated: stated + b" ",
        lambda stated: stated[:1] + b'"verdict":"ok",' + stated[1:],
        lambda _: b'["verdict"]',
        lambda _: b"\xff",
        lambda _: b"",
    ],
)
def test_a_good_signature_over_another_statement_is_refused(
    private_key: Ed25519PrivateKey, signer: ResultSigner, jwks: dict[str, Any], now: datetime, payload: Any
) -> None:
    """The statement is written anew from the document; what differs by a byte says something else."""
    named = {**RESULT, "kid": signer.kid}
    header = canonical_json({"alg": "Ed25519", "kid": signer.kid, "typ": RESULT_TYPE})
    forged = forge(private_key, header, named, payload(statement(named, canonical_json(named))))
    assert code_of(forged, jwks, now) in ("trust.signature_invalid", "trust.result_malformed")


@pytest.mark.parametrize("kid", [None, "other"])
def test_a_result_that_names_another_key_than_its_signature_is_refused(
    private_key: Ed25519PrivateKey, signer: ResultSigner, jwks: dict[str, Any], now: datetime, kid: str | None
) -> None:
    header = canonical_json({"alg": "Ed25519", "kid": signer.kid, "typ": RESULT_TYPE})
    assert code_of(forge(private_key, header, {**RESULT, "kid": kid}), jwks, now) == "trust.kid_mismatch"


@pytest.mark.parametrize(
    "unverified",
    [
        "",
        "a.b",
        "a.b.c.d",
        "a..c",
        "..",
        b"\xff\xfe",
        "{",
        "[]",
        '{"signature":1}',
        '{"signature":"a.b.c"}',
        '{"signature":"\\ud800"}',
        {"signature": "\ud800"},
        "{}",
        {},
        "\ud800",
    ],
)
def test_what_is_no_signed_result_is_refused(unverified: Any, jwks: dict[str, Any], now: datetime) -> None:
    with pytest.raises(InvalidInput):
        verify_result(unverified, jwks, now=now)


def test_spare_bits_in_the_encoding_are_refused(signer: ResultSigner, jwks: dict[str, Any], now: datetime) -> None:
    """The last character of a 64-byte signature carries four bits that mean nothing; only zero is accepted."""
    signed = signer.sign(RESULT)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = signed.token[:-1] + alphabet[alphabet.index(signed.token[-1:]) ^ 1 :][:1]
    last, own = (base64.urlsafe_b64decode(token.split(".")[2] + "==") for token in (twin, signed.token))
    assert last == own
    document = {**json.loads(signed.to_document()), "signature": twin}
    assert code_of(document, jwks, now) == "trust.result_malformed"


def test_a_signature_alone_is_no_result(signer: ResultSigner, jwks: dict[str, Any], now: datetime) -> None:
    """It proves a digest; nobody knows of what."""
    assert code_of(signer.sign(RESULT).token, jwks, now) == "trust.result_malformed"


def test_a_result_is_bounded(jwks: dict[str, Any], now: datetime) -> None:
    assert code_of(b"{" + b" " * MAX_RESULT_BYTES + b"}", jwks, now) == "trust.result_too_large"
    assert code_of("a" * (MAX_RESULT_BYTES + 1), jwks, now) == "trust.result_too_large"
    assert code_of({"signature": "a" * (MAX_TOKEN_BYTES + 1)}, jwks, now) == "trust.result_too_large"


def test_ten_thousand_suppliers_can_be_signed_and_verified(
    signer: ResultSigner, jwks: dict[str, Any], now: datetime
) -> None:
    document = {"suppliers": [{"supplier_hash": f"sha3-256:{i:064x}", "verdict": "ok"} for i in range(10_000)]}
    signed = signer.sign(document)
    assert verify_result(signed.to_document(), jwks, now=now).document["suppliers"] == document["suppliers"]


def test_a_plain_document_is_signed_over_its_canonical_bytes(signer: ResultSigner) -> None:
    """The short way writes what the strict writer writes, whatever the texts are."""
    document = {"b": ["é", "\u2028", "\U0001f600", '"\\\n'], "a": {"z": True, "y": None, "x": []}}
    assert signer.sign(document, plain=True) == signer.sign(document)
