"""decide() for a single request, as the command line and scripts ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.decision.bucketing import BUCKETS
from engine.decision.context import check_context
from engine.decision.decider import Decider
from engine.decision.select import Selector
from engine.decision.verdict import Decision
from engine.errors import InvalidInput
from engine.policy.ir import PolicyIR


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to decide.

    Raises:
        InvalidInput: A percentage outside 0..100 or finer than 0.01, a ratio outside 0..1, a time without a zone.
    """

    at: datetime
    """The evaluation time, aware."""
    enforce: bool = False
    rollout_percent: float = 0
    """Share of requests that are enforced, 0..100, in steps of 0.01."""
    drift_max_ratio: float = 0.005
    """The limit of the gate that reads these decisions, a share in 0..1; it changes no decision."""
    candidate: PolicyIR | None = None
    selector: str = Selector.BASIC
    weights: Mapping[str, float] = field(default_factory=dict)
    reference_sets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Members by root."""
    salt: bytes = b""
    """The rollout's key; empty where there is no rollout and only the plan and the pair of verdicts matter."""
    unit: str | None = None
    """What the bucket is drawn from; the context's hash when None."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InvalidInput("decision.no_zone", "The evaluation time has no zone", "Give it in UTC.")
        _number_within(self.rollout_percent, 100, "rollout percentage", "decision.bad_percent")
        _number_within(self.drift_max_ratio, 1, "drift limit", "decision.bad_ratio")
        if abs(self.rollout_percent * 100 - self.basis_points) > 1e-6:
            raise InvalidInput(
                "decision.bad_percent", "The rollout percentage is finer than 0.01", "Give at most two decimals."
            )

    @property
    def basis_points(self) -> int:
        """The percentage as it is carried: 25 % is 2500."""
        return round(self.rollout_percent * BUCKETS / 100)


def decide(ir: PolicyIR, context: Any, options: Options) -> Decision:
    """Decide one request from unverified JSON data. For many requests make a `Decider` once.

    Raises:
        InvalidInput: The context, the IR or the weights are malformed, or the selector is unknown.
    """
    decider = Decider(
        ir,
        options.reference_sets,
        salt=options.salt,
        candidate=options.candidate,
        selector=options.selector,
        weights=options.weights,
    )
    return decider.decide(
        check_context(context),
        at=options.at,
        enforce=options.enforce,
        basis_points=options.basis_points,
        unit=options.unit,
    )


def _number_within(number: object, most: int, name: str, code: str) -> None:
    if (
        # NaN fails the comparison; isfinite would raise on an integer that no double holds.
        isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= most
    ):
        raise InvalidInput(code, f"The {name} is no number from 0 to {most}", f"Give a number from 0 to {most}.")
