"""The embedded issuer: real tokens for the demonstration and for development, without an identity provider.

It hands out what an OAuth2 client-credentials grant would (RFC 9068), signed with a key in the state directory. Whoever
can read that directory can mint any token, so production refuses it.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from engine.canonical import canonical_json
from engine.clock import Clock
from engine.errors import InvalidInput, Refused
from engine.service_settings import DEFAULT_AUDIENCE
from engine.trust import CompactSigner, KeyPurpose, KeySigner, open_private_key, to_jwks
from engine.verifier.auth.config import IssuerConfig
from engine.verifier.auth.scopes import Scope

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from engine.settings import Settings

ISSUER = "urn:capctl:embedded-issuer"
AUDIENCE = DEFAULT_AUDIENCE
MAX_TTL_S = 86_400


class EmbeddedIssuer:
    """Mints access tokens for this machine.

    Args:
        key: Signs them.
        clock: For `iat` and `exp`.
        random_bytes: Source of token ids.
    """

    def __init__(
        self, key: Ed25519PrivateKey, *, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._signer = CompactSigner(KeySigner(key), typ="at+jwt")
        self._clock = clock
        self._random_bytes = random_bytes

    @classmethod
    def open(
        cls, settings: Settings, *, clock: Clock, random_bytes: Callable[[int], bytes] = os.urandom
    ) -> EmbeddedIssuer:
        """Open the issuer of an environment; make its key where there is none.

        Raises:
            Refused: This is production, or the key's file is not safe.
            Unavailable: The key's file cannot be read or written.
        """
        if settings.is_production:
            raise Refused(
                "auth.embedded_issuer",
                "The embedded issuer does not run in production",
                "Configure the production identity provider: issuer, audience and JWKS address.",
            )
        key = open_private_key(settings.state_dir, KeyPurpose.TOKENS, passphrase=None, random_bytes=random_bytes)
        return cls(key, clock=clock, random_bytes=random_bytes)

    def mint(self, scopes: Collection[Scope], *, subject: str, ttl_s: int = 3600, audience: str = AUDIENCE) -> str:
        """Make an access token.

        Args:
            scopes: What it allows.
            subject: Whose it is; a client's or a person's short name.
            ttl_s: How long it is valid, in seconds; at most a day.
            audience: Which service it is for.

        Raises:
            InvalidInput: No scope, an empty name, or a lifetime that is not between a second and a day.
        """
        if not scopes or not subject or not audience or not 1 <= ttl_s <= MAX_TTL_S:
            raise InvalidInput(
                "auth.mint",
                "A token needs a scope, a subject, an audience and a lifetime between 1 second and a day",
                f"Scopes are: {', '.join(Scope)}.",
            )
        now_s = int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": subject,
            "client_id": subject,
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + ttl_s,
            "jti": base64.urlsafe_b64encode(self._random_bytes(15)).decode(),
            "scope": " ".join(sorted(scopes)),
        }
        return self._signer.compact(canonical_json(claims))

    def jwks(self) -> dict[str, Any]:
        """The JWK Set that verifies its tokens."""
        return to_jwks([self._signer.public_key])

    def config(self, audience: str = AUDIENCE) -> IssuerConfig:
        """What a verifier in the same process needs to accept its tokens."""
        return IssuerConfig(ISSUER, frozenset({audience}), jwks=self.jwks(), algorithms=frozenset({"Ed25519"}))
