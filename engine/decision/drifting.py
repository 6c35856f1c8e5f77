"""In which direction one outcome differs from another."""

from __future__ import annotations

from engine.decision.verdict import Drift, Outcome


def direction(baseline: Outcome, other: Outcome) -> Drift:
    """How `other` drifts from `baseline`. Equal verdicts never drift, whatever led to them."""
    if baseline.verdict is other.verdict:
        return Drift.NONE
    if not (baseline.evaluated and other.evaluated):
        return Drift.UNKNOWN
    return Drift.OVER_BLOCK if other.verdict > baseline.verdict else Drift.UNDER_BLOCK
