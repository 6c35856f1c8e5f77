"""`/rollout` and `/drift`: where a rollout stands, a change of it, and what its gate rests on."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, RootModel, model_validator

from engine.rollout.codec import VERSION
from engine.rollout.plan import parse_percent
from engine.rollout.state import FULL, Phase
from engine.rollout.transitions import MAX_REASON
from engine.verifier.contract.base import (
    GivenPercent,
    Hash,
    Model,
    Number,
    OneOf,
    Percent,
    PolicyId,
    Ratio,
    RuleId,
    Time,
    Whole,
    absent,
)
from engine.verifier.contract.gate import DriftCounts, Gate


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("not one line of text")
    return text


BasisPoints: TypeAlias = Annotated[int, Field(ge=0, le=FULL)]
Reason: TypeAlias = Annotated[str, Field(max_length=MAX_REASON), AfterValidator(_one_line)]
OptionalRatio: TypeAlias = Ratio | None


class GateLimits(Model):
    """The limits of one step."""

    drift_max_ratio: Ratio
    max_5xx_ratio: Ratio
    p95_limit_s: Number
    min_samples: Whole
    evidence: Annotated[str, OneOf(("sequential", "point"))]
    alpha: Number
    """Error probability a side."""
    min_mismatches: Whole
    """Fewest mismatches before an automatic rollback."""
    max_age_s: Number
    """A source older than this is silent."""
    over_block_max_ratio: OptionalRatio
    under_block_max_ratio: OptionalRatio
    unknown_max_ratio: OptionalRatio


class PlanStep(Model):
    """One step of a rollout plan."""

    percent: Percent
    hold: Number
    """Shortest time on this step, in seconds."""
    gate: GateLimits


class RolloutPlanDocument(Model):
    """The steps of a rollout, in order."""

    auto: bool
    """Whether an open gate promotes by itself after the hold time. A rollback on a closed gate is always automatic."""
    steps: list[PlanStep]


class BreakGlassDocument(Model):
    """A promotion that passed a gate that was not open."""

    reason: str
    actor: str
    until: Time
    return_to_basis_points: BasisPoints


class Rollout(Model):
    """Where a rollout stands, and on whose word."""

    version: Annotated[int, Field(ge=VERSION, le=VERSION)]
    """Of the document."""
    policy_id: PolicyId
    revision: Annotated[int, Field(ge=1)]
    """Rises with each change; the `ETag`."""
    phase: Annotated[str, OneOf(Phase)]
    plan: RolloutPlanDocument
    step_index: Annotated[int, Field(ge=-1)]
    """Index into the plan's steps; -1 when it was set by hand beside the plan."""
    basis_points: BasisPoints
    percent: Percent
    """Share of requests that are enforced."""
    step_id: str
    """Names the stretch of evidence."""
    step_started_at: Time
    bucket_version: Annotated[int, Field(ge=1)]
    candidate_ir_hash: Hash | None
    """The candidate under rollout; null: the published policy's own adaptive plan."""
    actor: str
    reason: str
    changed_at: Time
    break_glass: BreakGlassDocument | None


class RolloutAnswer(Model):
    """A rollout and what its gate says now."""

    rollout: Rollout
    gate: Gate


class RolloutChanged(Model):
    """A rollout after a change."""

    rollout: Rollout


class PercentChange(Model):
    """Enforce a share of the requests. Going up passes the gate; 0 rolls back, which always works."""

    policy_id: PolicyId = absent()
    """May be left out while one policy alone has a rollout."""
    percent: GivenPercent
    reason: Reason = ""
    """One line, for the history."""
    break_glass: bool = False
    """Pass a gate that is not open, for at most an hour. Needs a reason, and the scope `rollout:override`."""

    @model_validator(mode="after")
    def _glass_breaks_upwards(self) -> Self:
        if self.break_glass and parse_percent(self.percent) == 0:
            raise ValueError("going to 0 needs no break-glass")
        return self


class PauseChange(Model):
    """Hold enforcement where it is, or go on."""

    policy_id: PolicyId = absent()
    """May be left out while one policy alone has a rollout."""
    paused: bool
    reason: Reason = ""
    """One line, for the history."""
    break_glass: Literal[False] = False


class RolloutChange(RootModel[PercentChange | PauseChange]):
    """One change of a rollout."""

    model_config = ConfigDict(strict=True, frozen=True)


class DriftExplanation(Model):
    """How many drifting requests a rule explains."""

    rule_id: RuleId
    reason: str
    direction: Annotated[str, OneOf(("over_block", "under_block", "unknown"))]
    preview: bool
    """Whether it would have been drift, on requests that were not enforced."""
    count: Whole


class Replica(Model):
    """One verifier, as it last reported."""

    name: str
    age_s: Number
    revision: Whole
    """The rollout revision it applies."""
    silent: bool


class PolicyDrift(Model):
    """Drift of one policy's rollout, summed over all replicas."""

    step_id: str
    step: DriftCounts
    """Since the current step began."""
    windows: dict[str, DriftCounts]
    """By window: 5m, 15m, 60m."""
    requests_per_s: Number
    source_age_s: Number | None
    gate: Gate
    explained: list[DriftExplanation]
    replicas: list[Replica]


class DriftAnswer(Model):
    """Windows and evidence of every policy with a rollout, or of the one that was asked for."""

    policies: dict[str, PolicyDrift]
