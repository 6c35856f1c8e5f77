"""Which issuers are trusted, and for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from engine.errors import InvalidInput

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA", "Ed25519"})
"""Every signature algorithm that is ever accepted. `EdDSA` means Ed25519 here, its older name."""

TOKEN_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
"""Values of `typ` that an access token may have, in lower case; empty: none (RFC 9068, section 2.1)."""

MAX_LEEWAY_S = 60

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """An issuer of access tokens that is trusted.

    Raises:
        InvalidInput: The configuration is contradictory or weak; the message says which part.
    """

    issuer: str
    """The exact `iss` of its tokens."""
    audiences: frozenset[str]
    """`aud` must name one of these exactly."""
    jwks_url: str = ""
    """Where its keys are; https, or http on the loopback interface."""
    jwks: Mapping[str, Any] | None = None
    """Its keys themselves, instead of a URL."""
    algorithms: frozenset[str] = ALGORITHMS
    types: frozenset[str] = TOKEN_TYPES
    """Accepted values of `typ`, lower case; drop the empty one where the issuer always sets it."""
    scope_claim: str = ""
    """The claim that lists the scopes; empty: `scope` or `scp`."""
    leeway_s: int = 30
    """How far its clock and ours may be apart, in seconds; at most 60."""

    def __post_init__(self) -> None:
        if not self.issuer or "*" in self.issuer:
            raise _invalid("issuer", "must be the exact `iss` of its tokens")
        if not self.audiences or any(not name or "*" in name for name in self.audiences):
            raise _invalid("audiences", "must name at least one audience, without wildcards")
        if not self.algorithms or not self.algorithms <= ALGORITHMS:
            raise _invalid("algorithms", f"must be some of {', '.join(sorted(ALGORITHMS))}")
        if not 0 <= self.leeway_s <= MAX_LEEWAY_S:
            raise _invalid("leeway_s", f"must be between 0 and {MAX_LEEWAY_S} seconds")
        if bool(self.jwks_url) == (self.jwks is not None):
            raise _invalid("jwks_url", "or `jwks` must be given, and not both")
        if self.jwks_url and not _is_safe_url(self.jwks_url):
            raise _invalid("jwks_url", "must be an https URL without credentials")


def _is_safe_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username or parts.password:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def _invalid(field: str, problem: str) -> InvalidInput:
    return InvalidInput("auth.issuer_config", f"Issuer setting `{field}` {problem}", "Correct it and start again.")
