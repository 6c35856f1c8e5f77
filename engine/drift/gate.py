"""The gate: may this rollout go on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """The three answers of a gate."""

    OPEN = "open"
    """Go on."""
    HOLD = "hold"
    """Not enough evidence, too soon, or a source is silent."""
    CLOSED = "closed"
    """A limit is broken."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """The limits of a step. Ratios are shares in 0..1."""

    drift_max_ratio: float = 0.005
    max_5xx_ratio: float = 0.01
    p95_limit_s: float = 0.6
    min_samples: int = 50
    evidence: str = "sequential"
    """`sequential`: the anytime-valid test; `point`: the plain ratio against the limit."""
    alpha: float = 0.05
    """Error probability a side."""
    min_mismatches: int = 3
    """Fewest mismatches before an automatic rollback."""
    max_age_s: float = 60.0
    """A source older than this is silent."""
    over_block_max_ratio: float | None = None
    under_block_max_ratio: float | None = None
    unknown_max_ratio: float | None = None
