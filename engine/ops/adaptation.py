"""Reads what `capctl adapt` names, files and ids, and decides it; the deciding itself is `engine.adaptation`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.clock import from_rfc3339
from engine.errors import InvalidInput
from engine.ops.sources import load_ir, resolve_policy
from engine.ops.target import policy_id

if TYPE_CHECKING:
    from engine.adaptation import Adaptation
    from engine.context import EngineContext


def adapt_context(
    ctx: EngineContext,
    *,
    context: str,
    policy: str | None,
    ir: str | None,
    enforce: bool,
    rollout: str,
    drift_max: float,
    selector: str,
    weights: str | None,
    candidate: str | None,
    at: str | None,
    plan_only: bool,
) -> Adaptation:
    """Decide one context; see `engine.ops.decision.adapt`.

    Raises:
        InvalidInput: A value, the context, the policy or the weights are malformed.
        Unavailable: A file or policy cannot be had.
    """
    from engine.adaptation import AdaptRequest, adapt
    from engine.rollout.plan import parse_percent

    if policy and ir:
        raise InvalidInput("adapt.two_policies", "--policy and --ir name two policies", "Give one of them.")
    request = AdaptRequest(enforce, parse_percent(rollout), drift_max, selector, evaluation_time(ctx, at))
    return adapt(
        ctx.catalog,
        context=load_context(context, request.at),
        baseline=load_ir(ir) if ir else ctx.catalog.policy(policy_id(ctx, policy)),
        candidate=resolve_policy(ctx, candidate) if candidate else None,
        request=request,
        weights=load_weights(weights, selector),
        plan_only=plan_only,
    )


def evaluation_time(ctx: EngineContext, at: str | None) -> datetime:
    """The evaluation time that was given, else now. Raises InvalidInput where it is no time."""
    return from_rfc3339(at) if at else ctx.clock.now()


def load_context(path: str, at: datetime) -> Any:
    """The context in a JSON file; `{"_demo": true}` stands for the built-in one. Unverified."""
    from engine.ops.files import read_json

    data = read_json(path, what="context")
    if data == {"_demo": True}:
        from engine.policies.demonstration import demo_context

        return demo_context(at)
    return data


def load_weights(path: str | None, selector: str) -> dict[str, float] | None:
    """Costs by rule id from a YAML or JSON file.

    Raises:
        InvalidInput: It is no mapping of numbers, or the selector has no use for it.
    """
    if path is None:
        return None
    if selector != "weighted":
        raise InvalidInput("adapt.unused_weights", "--weights has no effect here", "Add --selector weighted.")
    from engine.ops.yaml_data import read_data

    weights = read_data(path, what="weights")
    if not isinstance(weights, dict):
        hint = "Write one line a rule, such as 'R1: 2.5'."
        raise InvalidInput("weights.malformed", f"The weights file {path!r} is no mapping of rules to costs", hint)
    return weights
