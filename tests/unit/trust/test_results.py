"""Signed results: what the verifier signed is accepted, and nothing else ever is."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet

from engine.canonical import MAX_SAFE_INTEGER, canonical_json
from engine.errors import EngineError, InvalidInput, Refused
from engine.settings import Settings
from engine.trust import CompactSigner, FileSigner, KeyState, PublicKey, to_jwks, verify_result
from engine.trust.jws import encode_segment
from engine.trust.signing import RESULT_TYPE
from engine.trust.verifying import MAX_RESULT_BYTES

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


def forge(key: Ed25519PrivateKey, header: dict[str, Any], payload: bytes) -> bytes:
    """A compact JWS with any header, really signed."""
    signing_input = encode_segment(canonical_json(header)) + b"." + encode_segment(payload)
    return signing_input + b"." + encode_segment(key.sign(signing_input))


@given(document=documents)
@shared_fixtures
def test_what_was_signed_is_accepted_in_every_form(
    signer: FileSigner, jwks: dict[str, Any], now: datetime, document: dict[str, Any]
) -> None:
    signed = signer.sign(document)
    forms = [
        signed.to_compact(),
        signed.to_compact().decode(),
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
    assert FileSigner(private_key).sign(RESULT) == FileSigner(private_key).sign(shuffled)


def test_any_jose_library_can_check_a_result(signer: FileSigner, jwks: Any) -> None:
    """Straight through joserfc with the published key set, none of our own reading in between."""
    checked = jws.deserialize_compact(
        signer.sign(RESULT).to_compact(), KeySet.import_key_set(jwks), algorithms=["Ed25519"]
    )
    assert checked.headers() == {"alg": "Ed25519", "kid": signer.kid, "typ": "capctl-verify+jwt"}
    assert json.loads(checked.payload) == {**RESULT, "kid": signer.kid}


@given(data=st.data())
@shared_fixtures
def test_no_change_to_a_compact_result_is_accepted(
    signer: FileSigner, jwks: dict[str, Any], now: datetime, data: st.DataObject
) -> None:
    token = signer.sign(RESULT).to_compact()
    mutated = _mutate(token, data)
    assume(mutated.strip() != token)
    with pytest.raises(EngineError):
        verify_result(mutated, jwks, now=now)


@given(data=st.data())
@shared_fixtures
def test_whatever_is_accepted_of_a_changed_document_says_what_was_signed(
    signer: FileSigner, jwks: dict[str, Any], now: datetime, data: st.DataObject
) -> None:
    """White space and the order of members may change; what the document says may not."""
    mutated = _mutate(signer.sign(RESULT).to_document(), data)
    try:
        verified = verify_result(mutated, jwks, now=now)
    except EngineError:
        return
    assert verified.document == {**RESULT, "kid": signer.kid}


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
def test_an_edited_member_is_found(signer: FileSigner, jwks: dict[str, Any], now: datetime, member: str) -> None:
    document = {**json.loads(signer.sign(RESULT).to_document()), member: "edited"}
    assert code_of(document, jwks, now) == "trust.signature_invalid"


@pytest.mark.parametrize("member", ["kid", "signature"])
def test_signing_does_not_overwrite_a_member(signer: FileSigner, member: str) -> None:
    with pytest.raises(InvalidInput):
        signer.sign({**RESULT, member: "mine"})


def test_a_result_without_a_canonical_form_is_not_signed(signer: FileSigner) -> None:
    with pytest.raises(InvalidInput):
        signer.sign({"ratio": float("nan")})


def test_a_result_of_another_verifier_is_refused(jwks: dict[str, Any], now: datetime) -> None:
    stranger = FileSigner(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
    assert code_of(stranger.sign(RESULT).to_compact(), jwks, now) == "trust.key_unknown"


def test_a_stranger_cannot_borrow_a_key_id(signer: FileSigner, jwks: dict[str, Any], now: datetime) -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    header = {"alg": "Ed25519", "kid": signer.kid, "typ": RESULT_TYPE}
    payload = canonical_json({**RESULT, "kid": signer.kid})
    assert code_of(forge(stranger, header, payload), jwks, now) == "trust.signature_invalid"


@pytest.mark.parametrize("state", [KeyState.UPCOMING, KeyState.ACTIVE, KeyState.RETIRING])
def test_a_key_is_accepted_until_its_end_and_not_at_it(signer: FileSigner, now: datetime, state: KeyState) -> None:
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
    signer: FileSigner,
    jwks: dict[str, Any],
    now: datetime,
    header: dict[str, Any],
    code: str,
) -> None:
    """One algorithm, one type, and a key named by its id only, even under a signature that is good."""
    full = {"alg": "Ed25519", "kid": signer.kid, "typ": RESULT_TYPE, **header}
    token = forge(private_key, full, canonical_json({**RESULT, "kid": signer.kid}))
    assert code_of(token, jwks, now) == code


def test_a_key_id_with_two_spellings_in_the_header_is_refused(
    private_key: Ed25519PrivateKey, signer: FileSigner, jwks: dict[str, Any], now: datetime
) -> None:
    header = f'{{"alg":"Ed25519","kid":"{signer.kid}","kid":"other","typ":"{RESULT_TYPE}"}}'.encode()
    signing_input = encode_segment(header) + b"." + encode_segment(canonical_json({**RESULT, "kid": signer.kid}))
    token = signing_input + b"." + encode_segment(private_key.sign(signing_input))
    assert code_of(token, jwks, now) == "trust.result_malformed"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b'{"kid": "x"}', "trust.not_canonical"),
        (b'["kid"]', "trust.not_canonical"),
        (b'{"kid":"x"}', "trust.kid_mismatch"),
        (b"{}", "trust.kid_mismatch"),
        (b'{"a":1,"a":1}', "json.ambiguous"),
        (b"\xff", "json.not_utf8"),
    ],
)
def test_a_good_signature_over_a_doubtful_document_is_refused(
    private_key: Ed25519PrivateKey, jwks: dict[str, Any], now: datetime, payload: bytes, code: str
) -> None:
    token = CompactSigner(private_key, typ=RESULT_TYPE).compact(payload)
    assert code_of(token, jwks, now) == code


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
        "{}",
        {},
        "\ud800",
    ],
)
def test_what_is_no_signed_result_is_refused(unverified: Any, jwks: dict[str, Any], now: datetime) -> None:
    with pytest.raises(InvalidInput):
        verify_result(unverified, jwks, now=now)


def test_spare_bits_in_the_encoding_are_refused(signer: FileSigner, jwks: dict[str, Any], now: datetime) -> None:
    """The last character of a 64-byte signature carries four bits that mean nothing; only zero is accepted."""
    token = signer.sign(RESULT).to_compact()
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1:]) ^ 1 :][:1]
    assert base64.urlsafe_b64decode(twin.split(b".")[2] + b"==") == base64.urlsafe_b64decode(
        token.split(b".")[2] + b"=="
    )
    assert code_of(twin, jwks, now) == "trust.result_malformed"


def test_a_result_is_bounded(jwks: dict[str, Any], now: datetime) -> None:
    assert code_of(b"{" + b" " * MAX_RESULT_BYTES + b"}", jwks, now) == "trust.result_too_large"
    assert code_of("a" * (MAX_RESULT_BYTES + 1), jwks, now) == "trust.result_too_large"


def test_ten_thousand_suppliers_can_be_signed_and_verified(
    signer: FileSigner, jwks: dict[str, Any], now: datetime
) -> None:
    document = {"suppliers": [{"supplier_hash": f"sha3-256:{i:064x}", "verdict": "ok"} for i in range(10_000)]}
    signed = signer.sign(document)
    assert verify_result(signed.to_compact(), jwks, now=now).document["suppliers"] == document["suppliers"]


def test_production_wants_an_encrypted_key(tmp_path: Path) -> None:
    production = Settings(env="prod", state_dir=tmp_path)
    for passphrase in (None, b""):
        with pytest.raises(Refused) as refused:
            FileSigner.open(production, passphrase=passphrase)
        assert refused.value.code == "trust.passphrase_required"
    assert not (tmp_path / "keys").exists()
    signer = FileSigner.open(production, passphrase=b"from the vault")
    assert FileSigner.open(production, passphrase=b"from the vault").kid == signer.kid


def test_development_makes_its_key_by_itself(tmp_path: Path) -> None:
    development = Settings(state_dir=tmp_path)
    assert FileSigner.open(development).kid == FileSigner.open(development).kid


def test_a_plain_document_is_signed_over_its_canonical_bytes(signer: FileSigner) -> None:
    """The short way writes what the strict writer writes, whatever the texts are."""
    document = {"b": ["é", "\u2028", "\U0001f600", '"\\\n'], "a": {"z": True, "y": None, "x": []}}
    assert signer.sign(document, plain=True) == signer.sign(document)
