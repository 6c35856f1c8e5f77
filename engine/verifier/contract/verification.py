"""`POST /verify`: what is asked, and the signed result that answers it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from engine.decision.result import RESULT_VERSION
from engine.verifier.contract.base import (
    GivenPolicyId,
    Hash,
    Model,
    OneOf,
    PolicyId,
    Ratio,
    ReasonCode,
    RuleId,
    Time,
    VerdictName,
    absent,
)
from engine.verifier.contract.context import Context, DemoContext
from engine.verifier.contract.policy import InlineIr

GivenContext: TypeAlias = Context | DemoContext
Backend: TypeAlias = Literal["mock"]


def _in_hundredths(percent: float) -> float:
    if abs(percent * 100 - round(percent * 100)) > 1e-6:
        raise ValueError("finer than 0.01")
    return percent


class InlineOptions(Model):
    """How to decide an IR that comes with the request, which is under no rollout."""

    enforce: bool = False
    rollout_percent: Annotated[
        float, Field(ge=0, le=100, json_schema_extra={"multipleOf": 0.01}), AfterValidator(_in_hundredths)
    ] = 0
    drift_max_ratio: Ratio = 0.005
    at: Time = absent()
    """The evaluation time; now without it. With it, equal requests have equal results."""


class PublishedVerifyRequest(Model):
    """Verify a context against a published policy, as its rollout says."""

    policy_id: GivenPolicyId
    context: GivenContext
    backend: Backend = "mock"
    """What evaluates the rules; `mock` does so directly, without a cryptographic proof."""


class InlineVerifyRequest(Model):
    """Verify a context against an IR that comes with the request. It counts as no evidence for any rollout."""

    ir: InlineIr
    context: GivenContext
    backend: Backend = "mock"
    options: InlineOptions = absent()


class VerifyRequest(RootModel[PublishedVerifyRequest | InlineVerifyRequest]):
    """A published policy by id, or an IR; and the context to verify."""

    model_config = ConfigDict(strict=True, frozen=True)


class RuleViolation(Model):
    """A rule that does not hold, or could not be evaluated, and why."""

    rule_id: RuleId
    reason: ReasonCode


class SupplierVerdict(Model):
    """The verdict on one supplier, for write-back."""

    supplier_hash: str
    verdict: VerdictName
    violations: list[RuleViolation]


class VerificationResult(Model):
    """What was judged, by what, and how; signed, so that it proves itself."""

    result_version: Annotated[str, OneOf((RESULT_VERSION,))]
    policy_id: PolicyId
    policy_hash: Hash
    ir_hash: Hash
    context_hash: Hash
    plan_hash: Hash
    at: Time
    """The evaluation time."""
    verdict: VerdictName
    enforced: bool
    """Whether the rollout took this request, so that the adaptive plan counts."""
    violations: list[RuleViolation]
    suppliers: list[SupplierVerdict]
    manifest_hash: Hash
    """Over policy hash, IR hash, context hash, time and verdict."""
    kid: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    """The key it is signed with, see `/.well-known/jwks.json`."""
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$")]
    """Compact JWS (RFC 7515; Ed25519). Its claim `result_sha256` is the SHA-256, as 64 hexadecimal digits, of the
    canonical JSON (RFC 8785) of everything else here; its other claims repeat members of the result."""


class VerifyAnswer(Model):
    """The answer of `POST /verify`."""

    result: VerificationResult
