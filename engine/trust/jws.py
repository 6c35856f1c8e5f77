"""Compact JWS, read strictly and before anything is believed.

What two readers could understand differently is refused here, in front of the library that checks the signature:
characters outside base64url, spare bits, duplicate keys, header members that would let the token bring its own key.

Source: RFC 7515, sections 3.1, 4 and 7.1; RFC 8725 (JWT best current practices), sections 3.1 and 3.10.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from engine.canonical import strict_json
from engine.errors import InvalidInput

ED25519 = "Ed25519"
"""The algorithm's fully specified name (RFC 9864, section 2.2)."""

MAX_KID_LENGTH = 256
"""Longest key id that is looked up. A thumbprint has 43 characters; the identity providers we know stay under 100."""

_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]*")

_HEADER_MEMBERS = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
"""What a header may hold. The certificate thumbprints are common and are ignored; `jwk`, `jku`, `x5u` and `x5c` would
name the key to trust, `crit` and `b64` change what is signed, `zip`, `cty` and `enc` belong to other kinds of token."""


class JwsProblem(StrEnum):
    """Why a compact JWS was refused before its signature was looked at."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    HEADER = "header"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KID_MISSING = "kid_missing"


class JwsError(ValueError):
    """A JWS that is not even a candidate for verification. Carries no part of the token."""

    def __init__(self, problem: JwsProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class UnverifiedJws:
    """A compact JWS taken apart. Nothing in it has been verified."""

    kid: str
    alg: str
    typ: str | None
    payload: bytes


def parse_compact(token: bytes, *, max_bytes: int, algorithms: Collection[str]) -> UnverifiedJws:
    """Take a compact JWS apart.

    Args:
        token: Unverified bytes.
        max_bytes: Longest token that is looked at.
        algorithms: Every algorithm that is accepted at all.

    Raises:
        JwsError: It is too large, malformed, or its header asks for something that is never granted.
    """
    if len(token) > max_bytes:
        raise JwsError(JwsProblem.TOO_LARGE)
    if not _COMPACT.fullmatch(token):
        raise JwsError(JwsProblem.MALFORMED)
    encoded_header, encoded_payload, encoded_signature = token.split(b".")
    try:
        header = _header(encoded_header)
        payload = decode_segment(encoded_payload)
        decode_segment(encoded_signature)
    except (InvalidInput, ValueError):
        raise JwsError(JwsProblem.MALFORMED) from None
    return _checked(header, payload, algorithms)


@lru_cache(maxsize=64)  # an issuer writes the same header into each of its tokens; callers only read it
def _header(encoded: bytes) -> Any:
    return strict_json(decode_segment(encoded))


def _checked(header: Any, payload: bytes, algorithms: Collection[str]) -> UnverifiedJws:
    if not isinstance(header, dict):
        raise JwsError(JwsProblem.MALFORMED)
    if not header.keys() <= _HEADER_MEMBERS:
        raise JwsError(JwsProblem.HEADER)
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg not in algorithms:
        raise JwsError(JwsProblem.ALGORITHM)
    if not (typ is None or isinstance(typ, str)):
        raise JwsError(JwsProblem.TYPE)
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise JwsError(JwsProblem.KID_MISSING)
    return UnverifiedJws(kid=kid, alg=alg, typ=typ, payload=payload)


def encode_segment(data: bytes) -> bytes:
    """Write bytes as base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decode_segment(text: bytes) -> bytes:
    """Read base64url without padding; the one spelling of each value only.

    Raises:
        ValueError: A foreign character, padding, an impossible length, or spare bits that are not zero.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    try:
        data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None
    if encode_segment(data) != text:
        raise ValueError("not canonical base64url")
    return data
