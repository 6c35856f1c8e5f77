"""What the token commands answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.clock import to_rfc3339


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token that was made just now."""

    token: str
    scopes: tuple[str, ...]
    ttl_s: int

    def to_json(self) -> dict[str, Any]:
        """The token as an OAuth2 token endpoint answers it (RFC 6749, section 5.1)."""
        return {
            "access_token": self.token,
            "token_type": "Bearer",
            "expires_in": self.ttl_s,
            "scope": " ".join(self.scopes),
        }


@dataclass(frozen=True, slots=True)
class ShownToken:
    """What a verifier makes of a token."""

    refused: str
    """The reason code why it is not let in; empty where it is."""
    message: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    actor: str
    """The pseudonym of its subject; empty where it is refused."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """Whether a verifier lets it in."""
        return "no" if self.refused else "yes"

    def to_json(self) -> dict[str, Any]:
        """The judgement as JSON data."""
        if self.refused:
            return {"accepted": False, "reason": self.refused, "message": self.message}
        return {
            "accepted": True,
            "actor": self.actor,
            "scope": " ".join(self.scopes),
            "expires_at": to_rfc3339(self.expires_at) if self.expires_at else None,
        }
