"""Signing: verification results, so that they prove themselves, and whatever else is a compact JWS.

A signed result travels in two forms with one signature: as a compact JWS, which any JOSE library checks, and as the
result document itself with the member `signature`, a JWS with detached content (RFC 7515, appendix F) over the
canonical JSON of everything else in the document. The document names its key in `kid`, under the signature.

The writing is done by hand, because it is on the path of every request and the header never changes; the checking
(`verifying`) is done by a library, so that two implementations must agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from engine.canonical import canonical_json
from engine.errors import InvalidInput, Refused
from engine.trust.jwk import KeyState, PublicKey
from engine.trust.jws import ED25519, encode_segment
from engine.trust.keyfile import KeyPurpose, open_private_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from engine.settings import Settings

RESULT_TYPE = "capctl-verify+jwt"
"""The `typ` of a signed verification result; keeps it from being taken for an access token (RFC 8725, 3.11)."""

RESERVED_MEMBERS = frozenset({"kid", "signature"})
"""Members of a result document that signing adds."""


class CompactSigner:
    """Writes compact JWS with one Ed25519 key and one fixed header.

    Args:
        key: The private key.
        typ: The `typ` of everything it signs.
    """

    def __init__(self, key: Ed25519PrivateKey, *, typ: str) -> None:
        self._sign = key.sign
        self.public_key = PublicKey(key.public_key().public_bytes_raw(), KeyState.ACTIVE)
        self.kid = self.public_key.kid
        self.protected = encode_segment(canonical_json({"alg": ED25519, "kid": self.kid, "typ": typ}))
        """The header, encoded once."""

    def sign(self, encoded_payload: bytes) -> bytes:
        """The encoded signature over the header and a payload that is base64url already."""
        return encode_segment(self._sign(self.protected + b"." + encoded_payload))

    def compact(self, payload: bytes) -> str:
        """The whole compact JWS of a payload."""
        encoded = encode_segment(payload)
        return b".".join((self.protected, encoded, self.sign(encoded))).decode()


class SignedResult(NamedTuple):
    """A result and its signature, ready to be sent in either form."""

    payload: bytes
    """The canonical JSON that was signed; an object with at least `kid`."""
    protected: bytes
    encoded_payload: bytes
    signature: bytes

    def to_compact(self) -> bytes:
        """The compact JWS (`application/jose`)."""
        return b".".join((self.protected, self.encoded_payload, self.signature))

    def to_document(self) -> bytes:
        """The result document with its `signature` (`application/json`)."""
        # Spliced, not serialised again: a document of ten thousand suppliers is written once.
        return b'%b,"signature":"%b..%b"}' % (self.payload[:-1], self.protected, self.signature)


class ResponseSigner(Protocol):
    """Signs verification results with the key that is active now."""

    @property
    def kid(self) -> str:
        """The key id it signs under, for `cap_signatures_created_total{kid}`."""
        ...

    def sign(self, document: Mapping[str, Any], *, plain: bool = False) -> SignedResult:
        """Sign a result document.

        Args:
            document: JSON data without the members `kid` and `signature`.
            plain: The caller knows that it is made of texts, truth values, lists and objects with ASCII keys alone, as
                results are; it then need not be looked through.

        Raises:
            InvalidInput: It has one of them, or no canonical JSON form.
            Unavailable: The key cannot be used now.
        """
        ...

    def public_keys(self) -> Sequence[PublicKey]:
        """Every key that results may be checked against, for `/.well-known/jwks.json`."""
        ...


def _write_plain(document: Mapping[str, Any]) -> bytes:
    """Canonical JSON of a plain document: without numbers, and with ASCII keys, orjson sorts and spells as RFC 8785."""
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate pair; the strict writer names it
        return canonical_json(document)


class FileSigner:
    """A `ResponseSigner` whose key lies in a file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._signer = CompactSigner(key, typ=RESULT_TYPE)

    @classmethod
    def open(cls, settings: Settings, *, passphrase: bytes | None = None) -> FileSigner:
        """Open the response key of an environment; make it where there is none.

        Args:
            settings: Names the state directory, and whether this is production.
            passphrase: Encrypts the file. Development may do without.

        Raises:
            Refused: Production without a passphrase, or the file is not safe (see `keyfile`).
            Unavailable: The file cannot be read or written.
        """
        if settings.is_production and not passphrase:
            raise Refused(
                "trust.passphrase_required",
                "The response key must be encrypted in production",
                "Give a passphrase for it, from the environment or a file with mode 0600.",
            )
        return cls(open_private_key(settings.state_dir, KeyPurpose.RESPONSE, passphrase=passphrase or None))

    @property
    def kid(self) -> str:
        return self._signer.kid

    def sign(self, document: Mapping[str, Any], *, plain: bool = False) -> SignedResult:
        if not RESERVED_MEMBERS.isdisjoint(document):
            raise InvalidInput("trust.reserved_member", "The document has a `kid` or `signature`", "Remove it.")
        named = {**document, "kid": self._signer.kid}
        payload = _write_plain(named) if plain else canonical_json(named)
        encoded = encode_segment(payload)
        return SignedResult(payload, self._signer.protected, encoded, self._signer.sign(encoded))

    def public_keys(self) -> Sequence[PublicKey]:
        return (self._signer.public_key,)
