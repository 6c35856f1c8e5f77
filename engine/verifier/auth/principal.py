"""Who is asking, once a token has been believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.verifier.auth.errors import AuthError, AuthReason
from engine.verifier.auth.scopes import Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a verified token. Holds pseudonyms, so that it may be logged and audited."""

    actor: str
    """Pseudonym of the token's subject: who did it, in the audit trail."""
    client: str
    """Pseudonym of the client that got the token: whom a rate limit is for."""
    scopes: frozenset[Scope]
    expires_at: datetime

    def require(self, scope: Scope) -> None:
        """Refuse unless the token allows `scope`. Raises AuthError."""
        if scope not in self.scopes:
            raise AuthError(AuthReason.SCOPE, scope)
