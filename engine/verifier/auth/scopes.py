"""What a token may allow: one scope per kind of request."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """An OAuth2 scope of the verifier's API (RFC 6749, section 3.3)."""

    VERIFY_RUN = "verify:run"
    POLICY_COMPILE = "policy:compile"
    POLICY_READ = "policy:read"
    ADAPT_PLAN = "adapt:plan"
    ADAPT_RUN = "adapt:run"
    ROLLOUT_READ = "rollout:read"
    ROLLOUT_WRITE = "rollout:write"
    ROLLOUT_OVERRIDE = "rollout:override"
    METRICS_READ = "metrics:read"


_KNOWN = {scope.value: scope for scope in Scope}


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes among `names` that mean something here; an issuer may grant others, for other services."""
    return frozenset(_KNOWN[name] for name in names if name in _KNOWN)
