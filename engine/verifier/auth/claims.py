"""The claims of an access token whose signature is good.

Source: RFC 7519, section 4.1; RFC 9068 (JWT access tokens), section 4; RFC 8693, section 4.2 (`scope`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.verifier.auth.config import IssuerConfig
from engine.verifier.auth.errors import AuthError, AuthReason
from engine.verifier.auth.scopes import Scope, known_scopes

_LATEST_S = 253402300799
"""9999-12-31T23:59:59Z, the last second that datetime can hold."""
_MAX_IDENTITY_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says, once it may be believed. Holds names: not for logs."""

    subject: str
    client: str
    scopes: frozenset[Scope]
    expires_at_s: float
    """Unix time of `exp`."""


def issuer_of(unverified_claims: Any) -> str:
    """The `iss` a token names, to choose the configuration it is then verified under. Raises AuthError."""
    if not isinstance(unverified_claims, dict):
        raise AuthError(AuthReason.CLAIMS)
    issuer = unverified_claims.get("iss")
    if not isinstance(issuer, str):
        raise AuthError(AuthReason.CLAIMS)
    return issuer


def check_claims(claims: Mapping[str, Any], config: IssuerConfig, *, now_s: float) -> Claims:
    """Check the claims of a token that was signed by the issuer of `config`.

    Args:
        claims: The claims; their signature is verified, they are not.
        config: What is expected.
        now_s: Unix time.

    Raises:
        AuthError: A claim is missing, of the wrong type, or not what is expected.
    """
    if claims.get("iss") != config.issuer:
        raise AuthError(AuthReason.ISSUER)
    _check_audience(claims.get("aud"), config.audiences)
    expires_at_s = _check_times(claims, now_s=now_s, leeway_s=config.leeway_s)
    if "cnf" in claims:
        raise AuthError(AuthReason.SENDER_CONSTRAINED)
    subject, client = _identity(claims)
    return Claims(subject, client, known_scopes(_scope_names(claims, config.scope_claim)), expires_at_s)


def _check_audience(aud: Any, accepted: frozenset[str]) -> None:
    names = [aud] if isinstance(aud, str) else aud
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise AuthError(AuthReason.CLAIMS)
    if accepted.isdisjoint(names):
        raise AuthError(AuthReason.AUDIENCE)


def _check_times(claims: Mapping[str, Any], *, now_s: float, leeway_s: float) -> float:
    expires_at_s = _numeric_date(claims.get("exp"))
    if now_s >= expires_at_s + leeway_s:
        raise AuthError(AuthReason.EXPIRED)
    for name in ("nbf", "iat"):
        if name in claims and _numeric_date(claims[name]) > now_s + leeway_s:
            raise AuthError(AuthReason.NOT_YET_VALID)
    return expires_at_s


def _numeric_date(value: Any) -> float:
    """A NumericDate. A string, a bool, NaN, an infinity or a date beyond the year 9999 is none."""
    if type(value) not in (int, float) or not 0 <= value <= _LATEST_S:
        raise AuthError(AuthReason.CLAIMS)
    return float(value)


def _identity(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and client. Issuers differ in what they call the client; where they name none it is the subject."""
    subject = claims.get("sub")
    client = next((claims[name] for name in ("client_id", "azp", "cid") if name in claims), subject)
    return _name(client if subject is None else subject), _name(client)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_IDENTITY_LENGTH:
        raise AuthError(AuthReason.CLAIMS)
    return value


def _scope_names(claims: Mapping[str, Any], configured: str) -> list[str]:
    """The scopes granted: `scope` is a string of names, `scp` or a configured claim a list of them or such a string."""
    found = (None, claims.get(configured)) if configured else (claims.get("scope"), claims.get("scp"))
    match found:
        case None, None:
            return []
        case str(names), None:
            return names.split(" ")
        case None, str(names):
            return names.split(" ")
        case None, list(names) if all(isinstance(name, str) for name in names):
            return names
    raise AuthError(AuthReason.CLAIMS)
