"""Bearer tokens: who is asking, and what they may do.

    async with HttpFetcher() as fetch:
        tokens = TokenVerifier(issuers, clock=clock, pseudonymise=store.pseudonym, fetch=fetch)
        principal = await tokens.authenticate(scope["headers"], Scope.VERIFY_RUN)   # or AuthError
        retry_after_s = limiter.admit(principal.client)                               # 0.0: admitted

Importing the room loads no cryptography and no HTTP client; the first issuer does.
"""

from engine.verifier.auth.config import IssuerConfig
from engine.verifier.auth.errors import AuthError, AuthReason
from engine.verifier.auth.fetch import HttpFetcher
from engine.verifier.auth.issuer import EmbeddedIssuer
from engine.verifier.auth.limiter import RateLimiter
from engine.verifier.auth.principal import Principal
from engine.verifier.auth.scopes import Scope
from engine.verifier.auth.verifier import TokenVerifier

__all__ = [
    "AuthError",
    "AuthReason",
    "EmbeddedIssuer",
    "HttpFetcher",
    "IssuerConfig",
    "Principal",
    "RateLimiter",
    "Scope",
    "TokenVerifier",
]
