"""Checking the signature of a compact JWS, under one algorithm and one kind of key at a time.

Keys are read by joserfc. Signatures are checked by cryptography itself: every new token passes here, and what stands
between it and joserfc's answer (reading the header and the payload again) `jws.parse_compact` has done, more strictly.
Imported only where a signature is really checked; joserfc costs more to import than the rest of the room.

Source: RFC 7518, sections 3.3 (RS256) and 3.4 (ES256); RFC 8037, section 3.1, and RFC 9864, section 2.2 (Ed25519).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from engine.trust.jws import ED25519, decode_segment

VerificationKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_KEY_TYPES: Final[dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PKCS1, _SHA256, _ECDSA = PKCS1v15(), SHA256(), ECDSA(SHA256())

_P256_BYTES = 32


def import_public_key(members: dict[str, str]) -> VerificationKey:
    """Make a verification key from the public members of a JWK (`kty` and what RFC 7518 requires of that type).

    Raises:
        ValueError: The members are not a key of this type.
    """
    try:
        # A fresh dictionary: joserfc keeps what it is given and validates every member it finds.
        key = _KEY_TYPES[members["kty"]].import_key(dict(members)).public_key
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise ValueError("not a usable public key") from error
    if not isinstance(key, VerificationKey):
        raise ValueError("not a key to verify signatures with")  # noqa: TRY004 - X25519: a value, not a type, of `crv`
    return key


def is_signed_by(token: bytes, key: VerificationKey, *, alg: str) -> bool:
    """Whether a compact JWS bears a valid signature of `key` under the algorithm `alg` and no other.

    Args:
        token: A compact JWS that `parse_compact` has read, whose header names `alg`.
        key: What is trusted; a key of another kind than the algorithm's has signed nothing.
        alg: `RS256`, `ES256`, `Ed25519` or its old name `EdDSA`.
    """
    signed, _, encoded_signature = token.rpartition(b".")
    try:
        signature = decode_segment(encoded_signature)
    except ValueError:
        return False
    return fits(signature, signed, key, alg=alg)


def fits(signature: bytes, message: bytes, key: VerificationKey, *, alg: str) -> bool:
    """Whether `signature` is one of `key` over `message` under the algorithm `alg`, as JOSE spells it."""
    try:
        return _CHECKS[alg](key, signature, message)
    except (InvalidSignature, ValueError):
        return False


def _rs256(key: Any, signature: bytes, message: bytes) -> bool:
    if not isinstance(key, RSAPublicKey):
        return False
    key.verify(signature, message, _PKCS1, _SHA256)
    return True


def _es256(key: Any, signature: bytes, message: bytes) -> bool:
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        return False
    if len(signature) != 2 * _P256_BYTES:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:_P256_BYTES], signature[_P256_BYTES:]))
    key.verify(encode_dss_signature(r, s), message, _ECDSA)
    return True


def _ed25519(key: Any, signature: bytes, message: bytes) -> bool:
    if not isinstance(key, Ed25519PublicKey):
        return False
    key.verify(signature, message)
    return True


_CHECKS: Final[dict[str, Callable[[Any, bytes, bytes], bool]]] = {
    "RS256": _rs256,
    "ES256": _es256,
    ED25519: _ed25519,
    "EdDSA": _ed25519,  # understood as Ed25519 only (RFC 9864, section 3.1)
}
