"""What a verifier says about itself: health, readiness, and the keys that verify its results."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from engine.trust.jwk import MAX_KEYS, KeyState
from engine.verifier import readiness
from engine.verifier.contract.base import Model, OneOf, Time, absent

REASONS = (
    readiness.STARTING,
    readiness.DRAINING,
    readiness.STORE_UNREACHABLE,
    readiness.NO_POLICIES,
    readiness.KEYS_UNUSABLE,
    readiness.POLICY_NOT_SIGNED,
    readiness.ROLLOUT_UNKNOWN,
    readiness.DRIFT_GATE,
)


class Health(Model):
    """The process is alive."""

    status: Literal["ok"]


class Readiness(Model):
    """Whether traffic may be sent here, or why not."""

    status: Literal["ready", "not_ready"]
    environment: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,31}$")]
    """Which environment answers: a caller that means another one should go no further."""
    reasons: list[Annotated[str, OneOf(REASONS)]]
    """Any of these makes the verifier not ready."""
    warnings: list[Annotated[str, OneOf((readiness.STORE_NOT_WRITABLE,))]]
    """What is wrong, and no reason to take the verifier away."""


class ResultKey(Model):
    """A public key that verifies results: a JWK (RFC 7517, RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    kid: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    """The RFC 7638 thumbprint."""
    alg: Literal["Ed25519"]
    use: Literal["sig"]
    state: Annotated[str, OneOf(KeyState)]
    verify_until: Time = absent()
    """The instant from which what it signed is refused."""


class KeySet(Model):
    """A JWK Set."""

    keys: Annotated[list[ResultKey], Field(max_length=MAX_KEYS)]
