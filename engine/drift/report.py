"""What a gate asks, what it answers, and how the answer is written down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Basis = Literal["enforced", "preview"]


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


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing a gate asks."""

    name: str
    """Stable: `source`, `hold_time`, `samples`, `drift`, `window_5m`, `errors_5xx`, `latency_p95`, `noise`, and
    `over_block`, `under_block`, `unknown` where a limit is set for them."""
    answer: Answer
    value: float | None
    """What was measured, in the unit of the limit; None when nothing was."""
    limit: float | None
    detail: str
    """One sentence for a tired person."""

    def to_json(self) -> dict[str, Any]:
        """The condition as JSON data."""
        return {
            "name": self.name,
            "answer": self.answer.value,
            "value": _finite(self.value),
            "limit": _finite(self.limit),
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class GateReport:
    """The gate's answer with everything it rests on."""

    answer: Answer
    """The worst of the conditions' answers."""
    conditions: tuple[Condition, ...]
    n: int
    """Requests of this step that count as evidence: enforced ones, or at 0 % those not applied."""
    mismatches: int
    log_e_promote: float
    """Natural logarithm of the e-value for "drift is below the limit"."""
    log_e_rollback: float
    """Natural logarithm of the e-value for "drift is above the limit"."""
    samples_needed: int | None
    """Requests still needed if none of them drifts; 0 when the evidence suffices, None when a limit is broken or no
    number of requests would do."""
    expected_wait_s: float | None
    """How long until the evidence and the hold time may be complete at the present rate; None when nobody can say."""
    rollback_due: bool
    """Whether enforcement must go back to 0 % now."""
    rollback_reason: str
    """Why, in one sentence; empty when it need not."""
    source_age_s: float | None
    """Age of the newest report; None when there is none."""
    basis: Basis
    """`preview` at 0 %, where nothing is enforced and only what would happen can be measured."""

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data; logarithms rounded so that equal evidence has equal bytes on every machine."""
        return {
            "answer": self.answer.value,
            "basis": self.basis,
            "n": self.n,
            "mismatches": self.mismatches,
            "log_e_promote": _finite(self.log_e_promote),
            "log_e_rollback": _finite(self.log_e_rollback),
            "samples_needed": self.samples_needed,
            "expected_wait_s": _finite(self.expected_wait_s),
            "rollback_due": self.rollback_due,
            "rollback_reason": self.rollback_reason,
            "source_age_s": _finite(self.source_age_s),
            "conditions": [condition.to_json() for condition in self.conditions],
        }


def _finite(value: float | None) -> float | None:
    return round(value, 6) if value is not None and math.isfinite(value) else None
