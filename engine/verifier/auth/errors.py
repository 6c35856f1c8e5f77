"""Why a request was not let in: a closed list, and what each entry answers.

The reason goes to the metric and the log. The client learns what RFC 6750 has words for, and for an honest mistake
(expired, wrong audience, missing scope) which one it was; it never sees a part of its token.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.errors import Refused
from engine.verifier.auth.scopes import Scope

REALM = "capctl"


class AuthReason(StrEnum):
    """Values of the label `reason` of `cap_auth_token_validation_failures_total`."""

    MISSING_TOKEN = "missing_token"  # noqa: S105 - a reason, not a secret
    BAD_REQUEST = "bad_request"
    """The Authorization header is no bearer token, or there are several."""
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    HEADER = "header"
    """The token's header holds `jwk`, `jku`, `x5u`, `crit` or something unknown."""
    ALGORITHM = "algorithm"
    TYPE = "type"
    KID_MISSING = "kid_missing"
    KID_UNKNOWN = "kid_unknown"
    KID_AMBIGUOUS = "kid_ambiguous"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    """A claim is missing or of the wrong type."""
    ISSUER = "issuer"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    SENDER_CONSTRAINED = "sender_constrained"
    """The token is bound to a key (`cnf`) whose possession was not proven."""
    SCOPE = "scope"
    KEYS_UNAVAILABLE = "keys_unavailable"
    INTERNAL = "internal"
    """Something unexpected; denied all the same."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    error: str
    """The `error` of RFC 6750, section 3.1; empty where the RFC says to give none."""
    message: str
    hint: str


_INVALID = _Answer(401, "invalid_token", "The access token is not accepted", "Get a new token from the issuer.")
_ANSWERS = {
    AuthReason.MISSING_TOKEN: _Answer(
        401, "", "This needs an access token", "Send it in the header: Authorization: Bearer TOKEN."
    ),
    AuthReason.BAD_REQUEST: _Answer(
        400, "invalid_request", "The Authorization header is malformed", "Send one header: Authorization: Bearer TOKEN."
    ),
    AuthReason.EXPIRED: _Answer(401, "invalid_token", "The access token has expired", "Get a new token."),
    AuthReason.NOT_YET_VALID: _Answer(
        401, "invalid_token", "The access token is not valid yet", "Check the clocks of this machine and the issuer."
    ),
    AuthReason.ISSUER: _Answer(
        401, "invalid_token", "The access token is from an issuer not trusted here", "Get a token for this environment."
    ),
    AuthReason.AUDIENCE: _Answer(
        401, "invalid_token", "The access token is for another service", "Ask the issuer for this service's audience."
    ),
    AuthReason.SCOPE: _Answer(
        403, "insufficient_scope", "The access token does not allow this", "Ask for a token with the scope named."
    ),
    AuthReason.KEYS_UNAVAILABLE: _Answer(
        503, "", "Access tokens cannot be checked now", "Try again shortly; the issuer's keys cannot be fetched."
    ),
}


class AuthError(Refused):
    """The request is not let in.

    Args:
        reason: Why, for metrics and logs.
        scope: The scope that was missing, where that is the reason.
    """

    def __init__(self, reason: AuthReason, scope: Scope | None = None) -> None:
        answer = _ANSWERS.get(reason, _INVALID)
        super().__init__(f"auth.{answer.error or reason.value}", answer.message, answer.hint)
        self.reason = reason
        self.scope = scope
        self.status = answer.status
        """The HTTP status: 400, 401, 403 or 503."""

    @property
    def www_authenticate(self) -> str | None:
        """The WWW-Authenticate header (RFC 6750, section 3); None where the answer is no challenge."""
        if self.status == 503:
            return None
        answer = _ANSWERS.get(self.reason, _INVALID)
        parts = [f'Bearer realm="{REALM}"']
        if answer.error:
            parts += [f'error="{answer.error}"', f'error_description="{answer.message}"']
        if self.scope is not None:
            parts.append(f'scope="{self.scope}"')
        return ", ".join(parts)

    def __reduce__(self) -> tuple[type[AuthError], tuple[AuthReason, Scope | None]]:  # type: ignore[override]
        # Like the base class's, with this class's own arguments.
        return type(self), (self.reason, self.scope)
