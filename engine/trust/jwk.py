"""Public keys that verify results, and the JWK Set they are published in.

A key is known by its thumbprint and by nothing else, so a key id cannot be reused for another key. Its state says what
it may still do: a result is accepted while its key is `upcoming`, `active` or `retiring`, and refused afterwards.

Source: RFC 7517 (JWK), RFC 7638 (thumbprint), RFC 8037 (OKP keys).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.canonical import canonical_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput, Refused
from engine.trust.edwards import is_sound_public_key
from engine.trust.jws import ED25519, decode_segment, encode_segment

MAX_KEYS = 16
"""Most keys that one set may hold: current, next and a few retiring ones; more is a mistake or an attack."""


class KeyState(StrEnum):
    """Where a key is in its life."""

    UPCOMING = "upcoming"
    """Published so that everyone knows it in time; signs nothing yet."""
    ACTIVE = "active"
    """Signs."""
    RETIRING = "retiring"
    """Signs nothing any more; what it signed is still accepted."""
    RETIRED = "retired"
    """Accepted no longer. The entry stays, so that nobody wonders what the key id was."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A sound Ed25519 public key in a state."""

    raw: bytes
    """The 32 bytes of RFC 8032."""
    state: KeyState = KeyState.ACTIVE
    verify_until: datetime | None = None
    """The instant from which it is refused; None while no end is set."""

    def __post_init__(self) -> None:
        if not is_sound_public_key(self.raw):
            raise weak_key()

    @property
    def kid(self) -> str:
        """The key id: the RFC 7638 thumbprint."""
        return thumbprint(self.raw)

    def accepts(self, now: datetime) -> bool:
        """Whether what it signed is accepted at `now`. The end itself is already too late."""
        return self.state is not KeyState.RETIRED and (self.verify_until is None or now < self.verify_until)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature over the message is this key's (RFC 8032)."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def to_jwk(self) -> dict[str, str]:
        """The key as a JWK, with its state."""
        jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encode_segment(self.raw).decode(),
            "kid": self.kid,
            "alg": ED25519,
            "use": "sig",
            "state": self.state.value,
        }
        if self.verify_until is not None:
            jwk["verify_until"] = to_rfc3339(self.verify_until)
        return jwk


def weak_key() -> Refused:
    """A public key under which one signature could fit many messages."""
    return Refused(
        "trust.weak_key",
        "A public key is not a sound Ed25519 key",
        "Points of small order and non-canonical spellings are refused; make a new key.",
    )


def thumbprint(raw: bytes) -> str:
    """The RFC 7638 thumbprint of an Ed25519 public key: base64url of SHA-256 over its required members."""
    required = {"crv": "Ed25519", "kty": "OKP", "x": encode_segment(raw).decode()}
    return encode_segment(hashlib.sha256(canonical_json(required)).digest()).decode()


def to_jwks(keys: Iterable[PublicKey]) -> dict[str, Any]:
    """The JWK Set document of `/.well-known/jwks.json`."""
    return {"keys": [key.to_jwk() for key in keys]}


def parse_jwks(document: Mapping[str, Any]) -> dict[str, PublicKey]:
    """Read a JWK Set of result keys.

    Args:
        document: Unverified JSON data.

    Returns:
        The Ed25519 keys by key id. Keys of other kinds are skipped (RFC 7517, section 5).

    Raises:
        InvalidInput: It is no JWK Set, holds too many keys, a key twice, or a key id that is not the thumbprint.
        Refused: A key is weak, or the set gives away a private key.
    """
    entries = document.get("keys")
    if not isinstance(entries, list) or len(entries) > MAX_KEYS or not all(isinstance(e, dict) for e in entries):
        raise _malformed(f"it must have a list `keys` of at most {MAX_KEYS} keys")
    keys: dict[str, PublicKey] = {}
    for entry in entries:
        if entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
            continue
        key = _parse_jwk(entry)
        if key.kid in keys:
            raise _malformed("a key stands in it twice")
        keys[key.kid] = key
    return keys


def _parse_jwk(entry: dict[str, Any]) -> PublicKey:
    if "d" in entry:
        raise Refused(
            "trust.private_key_published",
            "The key set gives away a private key",
            "Treat that key as compromised: replace it, and publish public keys only.",
        )
    try:
        raw = decode_segment(entry["x"].encode())
        state = KeyState(entry.get("state", KeyState.ACTIVE))
        until = from_rfc3339(entry["verify_until"]) if "verify_until" in entry else None
    except (AttributeError, KeyError, TypeError, ValueError, InvalidInput):
        raise _malformed("a key lacks `x`, or its `state` or `verify_until` cannot be read") from None
    if entry.get("alg", ED25519) != ED25519 or entry.get("use", "sig") != "sig":
        raise _malformed("a key is meant for something else than Ed25519 signatures")
    key = PublicKey(raw, state, until)
    if entry.get("kid") != key.kid:
        raise _malformed("a key id is not the key's thumbprint")
    return key


def _malformed(problem: str) -> InvalidInput:
    return InvalidInput(
        "trust.jwks_malformed",
        f"The key set cannot be used: {problem}",
        "Fetch it again from /.well-known/jwks.json of the verifier.",
    )
