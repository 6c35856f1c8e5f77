"""A gate's report and the counts it rests on: part of the answers of `/rollout` and `/drift`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from engine.drift.report import Answer
from engine.verifier.contract.base import Model, Number, OneOf, Ratio, Whole

GateAnswer: TypeAlias = Annotated[str, OneOf(Answer)]


class GateCondition(Model):
    """One thing a gate asks."""

    name: str
    """Stable, see docs/gate.md."""
    answer: GateAnswer
    value: Number | None
    """What was measured, in the unit of the limit; null when nothing was."""
    limit: Number | None
    detail: str
    """One sentence for people."""


class Gate(Model):
    """May the rollout go on? Whatever is not known is `hold`."""

    answer: GateAnswer
    """The worst of the conditions' answers."""
    basis: Annotated[str, OneOf(("enforced", "preview"))]
    """At 0 % nothing is enforced, and only what would happen can be measured: `preview`."""
    n: Whole
    """Requests of this step that count as evidence."""
    mismatches: Whole
    log_e_promote: Number | None
    """Natural logarithm of the e-value for "drift is below the limit"."""
    log_e_rollback: Number | None
    samples_needed: Whole | None
    """Requests still needed if none of them drifts; null when no number would do."""
    expected_wait_s: Number | None
    rollback_due: bool
    rollback_reason: str
    source_age_s: Number | None
    """Age of the newest evidence; null when there is none."""
    conditions: list[GateCondition]


class DriftCounts(Model):
    """Decisions over some stretch of time; counts are numbers of requests."""

    requests: Whole
    enforced: Whole
    over_block: Whole
    """The enforced verdict was worse than the shadow verdict."""
    under_block: Whole
    unknown: Whole
    """One side could not be evaluated."""
    preview_over_block: Whole
    preview_under_block: Whole
    preview_unknown: Whole
    aa_samples: Whole
    """Requests whose baseline was evaluated twice."""
    aa_mismatches: Whole
    drift: Whole
    preview: Whole
    drift_ratio: Ratio
    """Drift events / all requests."""
    enforced_drift_ratio: Ratio
    """Drift events / enforced requests; never smaller than `drift_ratio`."""
    preview_drift_ratio: Ratio
    aa_floor: Ratio
    """Share of the sampled requests whose baseline disagreed with itself: noise."""
