"""`/adapt/plan` and `/adapt/run`: one context decided as the request says, without effect; equal to `capctl adapt`."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, RootModel, model_validator

from engine.adaptation import ADAPT_VERSION
from engine.canonical import MAX_SAFE_INTEGER
from engine.decision.bucketing import BUCKETS
from engine.decision.plan import ALWAYS, PLAN_VERSION
from engine.decision.select import Selector
from engine.decision.verdict import Drift
from engine.verifier.contract.base import (
    GivenPercent,
    Hash,
    Model,
    Number,
    OneOf,
    Percent,
    PolicyId,
    Ratio,
    ReasonCode,
    RuleId,
    Time,
    VerdictName,
    absent,
)
from engine.verifier.contract.policy import InlineIr, Name
from engine.verifier.contract.verification import GivenContext

SelectorName: TypeAlias = Annotated[str, OneOf(Selector)]
Cost: TypeAlias = Annotated[float, Field(ge=0, le=MAX_SAFE_INTEGER)]


class AdaptOptions(Model):
    """How to plan and decide."""

    enforce: bool = False
    """Let the adaptive plan count for the share given by `rollout_percent`."""
    rollout_percent: GivenPercent = 0
    drift_max_ratio: Ratio = 0.005
    selector: SelectorName = Selector.BASIC.value
    """The order of rules: by id, or by cost and id."""
    weights: dict[RuleId, Cost] = absent()
    """Costs by rule id, for the selector `weighted`."""
    at: Time = absent()
    """The evaluation time; now without it. With it, equal requests have equal answers, byte for byte."""

    @model_validator(mode="after")
    def _weights_have_a_use(self) -> Self:
        if "weights" in self.model_fields_set and self.selector != Selector.WEIGHTED:
            raise ValueError("weights have no effect without the selector weighted")
        return self


class _AdaptRequest(Model):
    context: GivenContext
    candidate: PolicyId = absent()
    """A published policy whose plan is tried instead of the policy's own."""
    options: AdaptOptions = absent()


class PublishedAdaptRequest(_AdaptRequest):
    """Plan or decide a context with a policy by its id."""

    policy_id: PolicyId


class InlineAdaptRequest(_AdaptRequest):
    """Plan or decide a context with an IR that comes with the request."""

    ir: InlineIr


class AdaptRequest(RootModel[PublishedAdaptRequest | InlineAdaptRequest]):
    """A policy by id, or an IR; a context; and how to decide."""

    model_config = ConfigDict(strict=True, frozen=True)


class PlannedRule(Model):
    """A rule of a plan."""

    id: RuleId
    because: Annotated[str, OneOf((ALWAYS,))] | list[Name]
    """The predicates that switched it on; `always` where no activation mentions it."""
    cost: Number = absent()
    """What it was ordered by, with the selector `weighted`."""


class PredicateValue(Model):
    """What a predicate said of the context."""

    id: Name
    value: bool | None
    """null when it could not be evaluated; its rules are active then, and the outcome is `fail`."""
    reason: ReasonCode = absent()


class AdaptivePlan(Model):
    """Which rules are active for a context, in the order of their evaluation, and why."""

    plan_version: Annotated[str, OneOf((PLAN_VERSION,))]
    policy_id: PolicyId
    policy_hash: Hash
    ir_hash: Hash
    selector: SelectorName
    at: Time
    active: list[PlannedRule]
    inactive: list[RuleId]
    predicates: list[PredicateValue]
    plan_hash: Hash
    """Over the canonical plan without this member."""


class ExplainedRule(Model):
    """A rule, and why it does not hold."""

    rule: RuleId
    reason: ReasonCode


class AdaptOutcome(Model):
    """A verdict, and what it rests on."""

    verdict: VerdictName
    violations: list[ExplainedRule]
    evaluated: bool
    """Whether every rule could be evaluated."""


class AdaptDecision(Model):
    """The pair of verdicts, and what separates them."""

    shadow: AdaptOutcome
    """Of the baseline: every rule of the policy."""
    candidate: AdaptOutcome
    """Of the adaptive plan."""
    enforced: AdaptOutcome
    """The candidate's where it was applied, else the shadow."""
    applied: bool
    bucket: Annotated[int, Field(ge=0, lt=BUCKETS)]
    drift: Annotated[str, OneOf(Drift)]
    preview: Annotated[str, OneOf(Drift)]
    explain: list[ExplainedRule]


class UsedOptions(Model):
    """How the decision was asked for."""

    enforce: bool
    rollout_percent: Percent
    drift_max_ratio: Ratio
    selector: SelectorName


class OneRequestGate(Model):
    """A gate that has seen this one request."""

    answer: Literal["open", "closed"]
    drift_ratio: Ratio
    limit: Ratio
    requests: Literal[1]


class Adaptation(Model):
    """The plan and the decision on one context; the same inputs give the same bytes."""

    adapt_version: Annotated[str, OneOf((ADAPT_VERSION,))]
    at: Time
    policy_id: PolicyId
    policy_hash: Hash
    ir_hash: Hash
    context_hash: Hash
    options: UsedOptions
    plan: AdaptivePlan
    decision: AdaptDecision
    gate: OneRequestGate
