"""What checking a result answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class CheckedResult:
    """A result and what its signature is worth."""

    refused: str
    """The reason code why it must not be relied on; empty where it may."""
    message: str
    kid: str
    """The key it was signed with; empty where it is refused."""
    document: dict[str, Any]
    """What was signed; empty where it is refused."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """Whether it is what the verifier signed."""
        return "no" if self.refused else "yes"

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON data."""
        if self.refused:
            return {"valid": False, "reason": self.refused, "message": self.message}
        return {"valid": True, "kid": self.kid, "result": self.document}
