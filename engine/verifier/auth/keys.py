"""An issuer's key set, read with suspicion: what is weak or unclear is left out, never guessed at.

Source: RFC 7517; RFC 7518, section 6; NIST SP 800-131A revision 2 for the smallest RSA key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.canonical import canonical_json, strict_json
from engine.errors import InvalidInput
from engine.ids import hash_bytes
from engine.trust.edwards import is_sound_public_key
from engine.trust.jws import decode_segment
from engine.verifier.auth.errors import AuthError, AuthReason

if TYPE_CHECKING:
    from engine.trust.signature import VerificationKey

MAX_JWKS_BYTES = 65_536
MAX_KEYS = 16

_RSA_BITS = range(2048, 8193)
"""Below 2048 bits a key is weak; beyond 8192 each check would cost milliseconds."""
_MAX_RSA_EXPONENT = 2**32


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key of an issuer, and the algorithms it may be used with."""

    algorithms: frozenset[str]
    key: VerificationKey


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """The usable keys of an issuer."""

    by_kid: Mapping[str, IssuerKey]
    ambiguous: frozenset[str]
    """Key ids that stand for several keys; none of them is used."""
    fingerprint: str
    """Differs when anything in the published set does."""

    def find(self, kid: str) -> IssuerKey:
        """The key of a key id. Raises AuthError."""
        if kid in self.ambiguous:
            raise AuthError(AuthReason.KID_AMBIGUOUS)
        try:
            return self.by_kid[kid]
        except KeyError:
            raise AuthError(AuthReason.KID_UNKNOWN) from None


def read_issuer_keys(data: bytes) -> IssuerKeys:
    """Read the body of a JWK Set endpoint.

    Args:
        data: Unverified bytes.

    Raises:
        InvalidInput: It is too large, or no JWK Set.
    """
    if len(data) > MAX_JWKS_BYTES:
        raise _malformed(f"it is larger than {MAX_JWKS_BYTES} bytes")
    document = strict_json(data, what="The issuer's key set")
    if not isinstance(document, dict):
        raise _malformed("it is no JSON object")
    return parse_issuer_keys(document)


def parse_issuer_keys(document: Mapping[str, Any]) -> IssuerKeys:
    """Take the usable keys out of a JWK Set.

    Entries that are weak, private, symmetric, for encryption, without a key id or of an unknown kind are left out, so
    that a token which names them is refused; the rest of the set stays usable.

    Raises:
        InvalidInput: It is no JWK Set, or holds too many keys.
    """
    entries = document.get("keys")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _malformed("it has no list `keys`")
    if len(entries) > MAX_KEYS:
        raise _malformed(f"it holds more than {MAX_KEYS} keys")
    counts = Counter(kid for entry in entries if isinstance(kid := entry.get("kid"), str) and kid)
    usable = {kid: key for entry in entries if counts.get(kid := _kid(entry)) == 1 and (key := _usable(entry))}
    ambiguous = frozenset(kid for kid, count in counts.items() if count > 1)
    return IssuerKeys(usable, ambiguous, hash_bytes(canonical_json(document)))


def _kid(entry: dict[str, Any]) -> str:
    kid = entry.get("kid")
    return kid if isinstance(kid, str) else ""


def _usable(entry: dict[str, Any]) -> IssuerKey | None:
    """The key of an entry, or None where it is not one to verify signatures with."""
    from engine.trust.signature import import_public_key

    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        members, algorithms = _public_members(entry)
        key = import_public_key(members)
    except (KeyError, ValueError):
        return None
    if "alg" in entry:
        algorithms &= _names_of(entry["alg"])
    return IssuerKey(algorithms, key) if algorithms else None


def _public_members(entry: dict[str, Any]) -> tuple[dict[str, str], frozenset[str]]:
    """What makes the key, and the algorithms for a key of its kind.

    Raises:
        ValueError, KeyError: It is weak, private, or of a kind that is not accepted.
    """
    match entry:
        case {"d": _} | {"k": _}:
            raise ValueError("a private key in a public set is compromised")
        case {"kty": "RSA", "n": str(n), "e": str(e)}:
            _check_rsa(n, e)
            return {"kty": "RSA", "n": n, "e": e}, frozenset({"RS256"})
        case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y)}:
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y}, frozenset({"ES256"})
        case {"kty": "OKP", "crv": "Ed25519", "x": str(x)} if is_sound_public_key(decode_segment(x.encode())):
            return {"kty": "OKP", "crv": "Ed25519", "x": x}, frozenset({"EdDSA", "Ed25519"})
    raise ValueError("not a key that is accepted here")


def _check_rsa(n: str, e: str) -> None:
    modulus = int.from_bytes(decode_segment(n.encode()), "big")
    exponent = int.from_bytes(decode_segment(e.encode()), "big")
    if modulus.bit_length() not in _RSA_BITS or not 65537 <= exponent < _MAX_RSA_EXPONENT or not exponent & 1:
        raise ValueError("a weak or extravagant RSA key")


def _names_of(alg: object) -> frozenset[str]:
    if alg in ("EdDSA", "Ed25519"):
        return frozenset({"EdDSA", "Ed25519"})
    return frozenset({alg}) if isinstance(alg, str) else frozenset()


def _malformed(problem: str) -> InvalidInput:
    return InvalidInput(
        "auth.jwks_malformed", f"The issuer's key set cannot be used: {problem}", "Check the issuer's JWKS address."
    )
