"""From a request's headers to the principal who sent it, or to a denial.

The order of the checks is part of the design: bounds and spelling, then which issuer, then that issuer's algorithms and
keys, then the signature, and only then what the token says. Anything unexpected on the way is a denial.

Source: RFC 9068, section 4; RFC 8725 (JWT best current practices); OWASP ASVS 5.0, V9.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from engine.canonical import strict_json_at_once
from engine.clock import Clock
from engine.errors import InvalidInput, Unavailable
from engine.trust.jws import JwsError, UnverifiedJws, parse_compact
from engine.verifier.auth.bearer import bearer_token
from engine.verifier.auth.claims import Claims, check_claims, issuer_of
from engine.verifier.auth.config import ALGORITHMS, IssuerConfig
from engine.verifier.auth.errors import AuthError, AuthReason
from engine.verifier.auth.jwks import JwksCache, KeySource, StaticKeys
from engine.verifier.auth.keys import parse_issuer_keys
from engine.verifier.auth.principal import Principal
from engine.verifier.auth.scopes import Scope
from engine.verifier.auth.token_cache import MAX_TOKENS, VerifiedTokenCache

MAX_TOKEN_BYTES = 8192


class TokenVerifier:
    """Verifies bearer tokens of the configured issuers.

    Args:
        issuers: Who is trusted; each `issuer` once.
        clock: For validity and ages.
        pseudonymise: Makes the name that records carry out of an identity.
        fetch: Gets the body at a URL; needed when an issuer has a `jwks_url`.
        max_cached_tokens: Bound of the verified-token cache.
        on_signature: Told the key id of each signature that was checked and holds; not of tokens known from before.

    Raises:
        InvalidInput: No issuer, one twice, or inline keys that cannot be used.
    """

    def __init__(
        self,
        issuers: Sequence[IssuerConfig],
        *,
        clock: Clock,
        pseudonymise: Callable[[str], str],
        fetch: Callable[[str], Awaitable[bytes]] | None = None,
        max_cached_tokens: int = MAX_TOKENS,
        on_signature: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on_signature = on_signature
        self._clock = clock
        self._pseudonymise = pseudonymise
        self._fetch = fetch
        self.cache = VerifiedTokenCache(clock, max_tokens=max_cached_tokens)
        self._issuers = {config.issuer: (config, self._key_source(config)) for config in issuers}
        if not issuers or len(self._issuers) != len(issuers):
            raise InvalidInput(
                "auth.issuer_config", "There is no issuer, or one stands twice", "Configure each issuer once."
            )

    async def authenticate(self, headers: Iterable[tuple[bytes, bytes]], scope: Scope) -> Principal:
        """Let a request in, or not.

        Args:
            headers: Unverified header pairs with lower-case names, as ASGI delivers them.
            scope: What the request needs.

        Raises:
            AuthError: It is not let in. Nothing else is ever raised.
        """
        try:
            principal = await self.verify(bearer_token(headers))
            principal.require(scope)
        except AuthError:
            raise
        except Exception as error:
            raise AuthError(AuthReason.INTERNAL) from error
        return principal

    async def verify(self, token: bytes) -> Principal:
        """Whose token this is.

        Args:
            token: Unverified bytes.

        Raises:
            AuthError: It is not accepted. Nothing else is ever raised.
        """
        try:
            return self.cache.get(token) or await self._verify_new(token)
        except AuthError:
            raise
        except JwsError as error:
            raise AuthError(AuthReason(error.problem.value)) from None
        except InvalidInput:
            raise AuthError(AuthReason.MALFORMED) from None
        except Unavailable:
            # Whoever makes pseudonyms cannot do so now; that is no fault of the token.
            raise AuthError(AuthReason.KEYS_UNAVAILABLE) from None
        except Exception as error:
            raise AuthError(AuthReason.INTERNAL) from error

    async def _verify_new(self, token: bytes) -> Principal:
        from engine.trust.signature import is_signed_by

        unverified = parse_compact(token, max_bytes=MAX_TOKEN_BYTES, algorithms=ALGORITHMS)
        claims = strict_json_at_once(unverified.payload)
        config, source = self._trusted(issuer_of(claims))
        _check_header(unverified, config)
        key = await source.find(unverified.kid)
        if unverified.alg not in key.algorithms:
            raise AuthError(AuthReason.ALGORITHM)
        if not is_signed_by(token, key.key, alg=unverified.alg):
            raise AuthError(AuthReason.SIGNATURE)
        self._on_signature(unverified.kid)
        verified = check_claims(claims, config, now_s=self._clock.now().timestamp())
        principal = self._principal(verified, config)
        self.cache.put(token, principal, trusted_until=source.trusted_until)
        return principal

    def _trusted(self, issuer: str) -> tuple[IssuerConfig, KeySource]:
        try:
            return self._issuers[issuer]
        except KeyError:
            raise AuthError(AuthReason.ISSUER) from None

    def _principal(self, claims: Claims, config: IssuerConfig) -> Principal:
        # Two issuers may know different people by one name.
        return Principal(
            actor=self._pseudonymise(f"{config.issuer}|{claims.subject}"),
            client=self._pseudonymise(f"{config.issuer}|{claims.client}"),
            scopes=claims.scopes,
            expires_at=datetime.fromtimestamp(claims.expires_at_s, UTC),
        )

    def _key_source(self, config: IssuerConfig) -> KeySource:
        if config.jwks is not None:
            return StaticKeys(parse_issuer_keys(config.jwks))
        if self._fetch is None:
            raise InvalidInput("auth.issuer_config", "An issuer has a `jwks_url`, but nothing fetches it", "Pass one.")
        return JwksCache(partial(self._fetch, config.jwks_url), clock=self._clock, on_change=self.cache.clear)


def _check_header(unverified: UnverifiedJws, config: IssuerConfig) -> None:
    if unverified.alg not in config.algorithms:
        raise AuthError(AuthReason.ALGORITHM)
    if (unverified.typ or "").lower() not in config.types:
        raise AuthError(AuthReason.TYPE)
