"""Verifying a signed result: against a key set, at an instant, with one algorithm.

Pure: no file, no network, no clock. Whoever calls it fetched the key set from a place it trusts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.canonical import canonical_json, strict_json
from engine.errors import InvalidInput, Refused
from engine.trust.jwk import KeyState, PublicKey, parse_jwks
from engine.trust.jws import ED25519, JwsError, JwsProblem, UnverifiedJws, encode_segment, parse_compact
from engine.trust.signing import RESULT_TYPE, statement

MAX_RESULT_BYTES = 8 * 2**20
"""Longest result that is read: ten thousand suppliers take about one and a half megabytes."""

MAX_TOKEN_BYTES = 8192
"""Longest signature of a result: its statement takes less than one kilobyte."""


@dataclass(frozen=True, slots=True)
class VerifiedResult:
    """A result whose signature was checked."""

    document: dict[str, Any]
    """The result, `kid` included and `signature` not."""
    kid: str
    key_state: KeyState


def verify_result(
    unverified: bytes | str | Mapping[str, Any], jwks: Mapping[str, Any], *, now: datetime
) -> VerifiedResult:
    """Check a signed result.

    Args:
        unverified: The result document with its `signature`, as bytes, text or JSON data.
        jwks: The verifier's key set, as JSON data, from a trusted place.
        now: When; a key that has reached its end is refused.

    Raises:
        InvalidInput: It is no signed result, or the key set is none.
        Refused: The signature, the algorithm, the type or the key is not accepted, or the result was changed.
    """
    keys = parse_jwks(jwks)
    document, token = _taken_apart(unverified)
    try:
        signed = parse_compact(token, max_bytes=MAX_TOKEN_BYTES, algorithms=(ED25519,))
    except JwsError as error:
        raise _not_a_candidate(error.problem) from None
    key = _accepted_key(signed, keys, now)
    from engine.trust.signature import import_public_key, is_signed_by

    members = {"kty": "OKP", "crv": "Ed25519", "x": encode_segment(key.raw).decode()}
    if not is_signed_by(token, import_public_key(members), alg=ED25519):
        raise _does_not_fit()
    # What must have been signed is written anew from what is about to be believed, and compared to the byte.
    if statement(document, canonical_json(document)) != signed.payload:
        raise _does_not_fit()
    if document.get("kid") != signed.kid:
        raise Refused("trust.kid_mismatch", "The result names another key than its signature", "Do not use it.")
    return VerifiedResult(document, signed.kid, key.state)


def _taken_apart(unverified: bytes | str | Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The document without its signature, and the signature."""
    document = unverified if isinstance(unverified, Mapping) else _read(unverified)
    signature = document.get("signature")
    if not isinstance(signature, str):
        raise InvalidInput(
            "trust.not_signed",
            "The result carries no signature",
            "Ask the verifier for a signed result; `signature` is a member of the document.",
        )
    # A lone surrogate becomes bytes that are no base64url, which are refused by name.
    return (
        {name: value for name, value in document.items() if name != "signature"},
        signature.encode("utf-8", "surrogatepass"),
    )


def _read(unverified: bytes | str) -> dict[str, Any]:
    # A lone surrogate becomes bytes that are no UTF-8, which the strict reader refuses by name.
    data = unverified.encode("utf-8", "surrogatepass") if isinstance(unverified, str) else unverified
    if len(data) > MAX_RESULT_BYTES:
        raise _not_a_candidate(JwsProblem.TOO_LARGE)
    if not data.lstrip().startswith(b"{"):
        raise _not_a_candidate(JwsProblem.MALFORMED)
    document: dict[str, Any] = strict_json(data, what="The result")
    return document


def _accepted_key(signed: UnverifiedJws, keys: Mapping[str, PublicKey], now: datetime) -> PublicKey:
    if signed.typ != RESULT_TYPE:
        raise Refused("trust.wrong_type", "This is signed, but it is no verification result", "Check what was given.")
    key = keys.get(signed.kid)
    if key is None:
        raise Refused(
            "trust.key_unknown",
            "The result was signed with a key that is not in the key set",
            "Fetch the key set again; if the key is still missing, do not use the result.",
        )
    if not key.accepts(now):
        raise Refused(
            "trust.key_retired",
            "The key that signed the result is accepted no longer",
            "Verify the policy again to get a result under the current key.",
        )
    return key


def _does_not_fit() -> Refused:
    return Refused(
        "trust.signature_invalid",
        "The signature does not fit the result",
        "The result was changed after it was signed, or it was signed by someone else. Do not use it.",
    )


def _not_a_candidate(problem: JwsProblem) -> InvalidInput | Refused:
    match problem:
        case JwsProblem.ALGORITHM:
            return Refused("trust.algorithm_refused", "The result is not signed with Ed25519", "Do not use it.")
        case JwsProblem.HEADER:
            return Refused(
                "trust.header_refused",
                "The signature's header asks for something that is never granted",
                "Do not use it.",
            )
        case JwsProblem.TOO_LARGE:
            return InvalidInput(
                "trust.result_too_large", f"The result is larger than {MAX_RESULT_BYTES} bytes", "Check what was given."
            )
        case _:
            return InvalidInput(
                "trust.result_malformed",
                "This is no signed result",
                "Give the whole result as the verifier answered it; its `signature` alone does not hold it.",
            )
