"""Signing: verification results, so that they prove themselves, and whatever else is a compact JWS.

A signed result is the result document itself with two more members: `kid`, the key, and `signature`, a compact JWS that
any JOSE library checks. What is signed is not the document, whose verdicts for thousands of suppliers would be hashed
four times over on their way through base64url and Ed25519, but a *statement*: the SHA-256 of the canonical JSON of
everything else in the document, and beside it, in clear, what a reader asks of a result first. A statement has no
`exp`: a result is evidence and stays what it is; what ends is the trust in its key.

The writing is done by hand, because it is on the path of every request and the header never changes; the
tests have every form of it checked by joserfc, so that two implementations must agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from engine.canonical import canonical_json
from engine.errors import InvalidInput
from engine.trust.jwk import PublicKey
from engine.trust.jws import ED25519, encode_segment
from engine.trust.signer import Signer

RESULT_TYPE = "capctl-verify+jwt"
"""The `typ` of a signed verification result; keeps it from being taken for an access token (RFC 8725, 3.11)."""

RESERVED_MEMBERS = frozenset({"kid", "signature"})
"""Members of a result document that signing adds."""

STATED = ("at", "context_hash", "ir_hash", "policy_hash", "policy_id", "verdict")
"""Members of a result that its statement repeats: what was judged, by what, when, and how."""

DIGEST = "result_sha256"
"""The claim that holds the digest. Processors have instructions for SHA-256: it takes a fifth of SHA3-256's time."""


class CompactSigner:
    """Writes compact JWS with one Ed25519 key and one fixed header.

    Args:
        signer: Holds the private key.
        typ: The `typ` of everything it signs.
    """

    def __init__(self, signer: Signer, *, typ: str) -> None:
        self._sign = signer.sign
        self.is_remote = signer.is_remote
        self.public_key = signer.public_key
        self.kid = self.public_key.kid
        self._protected = encode_segment(canonical_json({"alg": ED25519, "kid": self.kid, "typ": typ}))

    def compact(self, payload: bytes) -> str:
        """The compact JWS of a payload."""
        signed = b"%b.%b" % (self._protected, encode_segment(payload))
        return (b"%b.%b" % (signed, encode_segment(self._sign(signed)))).decode()


class SignedResult(NamedTuple):
    """A result and its signature."""

    written: bytes
    """The canonical JSON of the result; an object with at least `kid`."""
    token: str
    """The compact JWS over its statement."""
    kid: str
    """The key that signed it."""

    def to_document(self) -> bytes:
        """The result document with its `signature` (`application/json`)."""
        # Spliced, not serialised again: a document of ten thousand suppliers is written once.
        return b'%b,"signature":"%b"}' % (self.written[:-1], self.token.encode())


def statement(document: Mapping[str, Any], written: bytes) -> bytes:
    """What is signed of a result: its digest and, as far as they are texts, the members that `STATED` names.

    Args:
        document: The result, without its signature.
        written: Its canonical JSON.

    Returns:
        Canonical JSON.
    """
    claims = {name: text for name in STATED if type(text := document.get(name)) is str}
    claims[DIGEST] = hashlib.sha256(written).hexdigest()
    return _write_plain(claims)


class ResponseSigner(Protocol):
    """Signs verification results with the key that is active now."""

    @property
    def kid(self) -> str:
        """The key id it signs under, for `cap_signatures_created_total{kid}`."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether a signature is waited for: the key is not in this process."""
        ...

    def sign(self, document: Mapping[str, Any], *, plain: bool = False) -> SignedResult:
        """Sign a result document.

        Args:
            document: JSON data without the members `kid` and `signature`.
            plain: The caller knows that it is made of texts, truth values, lists and objects with ASCII keys, or of
                canonical JSON (`orjson.Fragment`), as results are; it then need not be looked through.

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


class ResultSigner:
    """A `ResponseSigner` with one key.

    Args:
        signer: Holds the private half.
    """

    def __init__(self, signer: Signer) -> None:
        self._signer = CompactSigner(signer, typ=RESULT_TYPE)

    @property
    def kid(self) -> str:
        return self._signer.kid

    @property
    def is_remote(self) -> bool:
        return self._signer.is_remote

    def sign(self, document: Mapping[str, Any], *, plain: bool = False) -> SignedResult:
        if not RESERVED_MEMBERS.isdisjoint(document):
            raise InvalidInput("trust.reserved_member", "The document has a `kid` or `signature`", "Remove it.")
        named = {**document, "kid": self._signer.kid}
        written = _write_plain(named) if plain else canonical_json(named)
        return SignedResult(written, self._signer.compact(statement(named, written)), self._signer.kid)

    def public_keys(self) -> Sequence[PublicKey]:
        return (self._signer.public_key,)
