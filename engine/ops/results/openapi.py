"""What `openapi` answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OpenApi:
    """The OpenAPI document of this version."""

    data: dict[str, Any]
    document: bytes
    """The same as YAML."""

    def to_json(self) -> dict[str, Any]:
        """The document as JSON data."""
        return self.data
