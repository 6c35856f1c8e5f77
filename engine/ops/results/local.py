"""What the local commands answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalShifted:
    """A share that was set."""

    canary_percent: int

    def to_json(self) -> dict[str, Any]:
        """The share as JSON data."""
        return {"canary_percent": self.canary_percent}


@dataclass(frozen=True, slots=True)
class LocalStopped:
    """Processes that were ended."""

    names: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The processes as JSON data."""
        return {"ended": list(self.names)}
