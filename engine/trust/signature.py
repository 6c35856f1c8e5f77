"""Checking the signature of a compact JWS: the one place that asks joserfc.

Imported only where a signature is really checked; joserfc costs more to import than the rest of the room.
"""

from __future__ import annotations

from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from engine.trust.jws import ED25519

VerificationKey = RSAKey | ECKey | OKPKey

_KEY_TYPES: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class _Registry(jws.JWSRegistry):
    """joserfc's rules with this house's bounds, and `EdDSA` understood as Ed25519 only (RFC 9864, section 3.1)."""

    max_header_length = 2048
    max_payload_length = 16 * 2**20

    def get_alg(self, name: str) -> Any:
        return super().get_alg(ED25519 if name == "EdDSA" else name)


_REGISTRIES = {
    name: _Registry(algorithms=[ED25519 if name == "EdDSA" else name]) for name in ("RS256", "ES256", "EdDSA", ED25519)
}
"""One registry per algorithm, which allows that algorithm alone."""


def import_public_key(members: dict[str, str]) -> VerificationKey:
    """Make a verification key from the public members of a JWK (`kty` and what RFC 7518 requires of that type).

    Raises:
        ValueError: The members are not a key of this type.
    """
    try:
        # A fresh dictionary: joserfc keeps what it is given and validates every member it finds.
        return _KEY_TYPES[members["kty"]].import_key(dict(members))
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise ValueError("not a usable public key") from error


def is_signed_by(token: bytes, key: VerificationKey, *, alg: str) -> bool:
    """Whether a compact JWS bears a valid signature of `key` under the algorithm `alg` and no other."""
    registry = _REGISTRIES[alg]
    try:
        signed = jws.extract_compact(token, registry=registry)
        return signed.headers().get("alg") == alg and jws.validate_compact(signed, key, registry=registry)
    except (JoseError, TypeError, ValueError):
        return False
