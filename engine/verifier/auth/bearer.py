"""The Authorization header, read strictly (RFC 6750, section 2.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.verifier.auth.errors import AuthError, AuthReason

_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bearer token of a request.

    Args:
        headers: Unverified header pairs with lower-case names, as ASGI delivers them.

    Raises:
        AuthError: There is no Authorization header, more than one, or one that is no bearer token.
    """
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        raise AuthError(AuthReason.MISSING_TOKEN)
    match = _BEARER.fullmatch(given[0])
    if match is None or len(given) > 1:
        raise AuthError(AuthReason.BAD_REQUEST)
    return match[1]
