"""What the verifier promises its callers (docs/slo.md), as limits that a load test and a canary are held to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits on latency and errors. Both are broken by reaching them."""

    p95_s: float = 0.6
    """The latency that 95 % of the requests must stay below."""
    error_ratio: float = 0.01
    """The share of requests that must not fail."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.p95_s) and self.p95_s > 0 and 0 < self.error_ratio <= 1):
            raise InvalidInput(
                "slo.impossible",
                f"A p95 of {self.p95_s:g} s and an error share of {self.error_ratio:g} are no objective",
                "Give a latency above 0 and a share above 0 and up to 1.",
            )

    def to_json(self) -> dict[str, Any]:
        """The limits as JSON data."""
        return {"p95_s": self.p95_s, "error_ratio": self.error_ratio}
