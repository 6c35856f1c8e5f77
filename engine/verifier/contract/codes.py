"""Problem codes of the service by status: what many endpoints have in common, and how it adds up.

Tests hold the lists to the service: a code that it answers and that does not stand here is a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

Problems: TypeAlias = Mapping[int, tuple[str, ...]]
"""Problem codes by HTTP status, sorted. `room.*` stands for every code of a room."""


def problems(*groups: Mapping[int, str] | Problems) -> Problems:
    """Add up groups; a group may write its codes as one text, separated by blanks."""
    found: dict[int, set[str]] = {}
    for group in groups:
        for status, codes in group.items():
            found.setdefault(status, set()).update(codes.split() if isinstance(codes, str) else codes)
    return {status: tuple(sorted(found[status])) for status in sorted(found)}


EVERY_REQUEST: Final = problems({400: "http.wrong_host"})

WITH_TOKEN: Final = problems(
    {
        400: "auth.invalid_request",
        401: "auth.missing_token auth.invalid_token",
        403: "auth.insufficient_scope",
        429: "http.rate_limited",
        503: "auth.keys_unavailable",
    }
)

WITH_BODY: Final = problems(
    {
        400: "json.malformed json.ambiguous json.not_utf8",
        408: "http.too_slow",
        413: "http.too_large",
        415: "http.media_type",
        422: "http.not_an_object",
    }
)

ASKS_THE_REGISTRY: Final = problems({503: "registry.*"})
"""While the caller waits, which most endpoints do not."""

GIVEN_IR: Final = problems(
    {
        400: "json.not_canonical",
        422: "ir.malformed ir.unsupported_version ir.hash_mismatch ir.not_canonical ir.too_large",
    }
)
"""Takes an IR that comes with the request."""
