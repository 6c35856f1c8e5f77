"""One context decided once: the plan, the verdict pair, the gate; the same bytes on every machine.

Nothing here depends on the machine or on a rollout: the evaluation time is an input, and the bucket is drawn with a
fixed key instead of a rollout's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from engine.clock import from_rfc3339
from engine.errors import InvalidInput
from engine.ids import HASH_PATTERN, is_hash
from engine.ops.results.decision import Adaptation, Request
from engine.ops.sources import load_ir, resolve_policy
from engine.ops.target import policy_id

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.policy.ir import PolicyIR

SALT: Final = b"capctl/adapt/v1"
"""Key of the bucketing. Public, which does no harm: nothing is enforced by the result of a command."""


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
    from engine.decision.context import check_context, context_hash
    from engine.decision.decider import Decider
    from engine.rollout.plan import parse_percent

    if policy and ir:
        raise InvalidInput("adapt.two_policies", "--policy and --ir name two policies", "Give one of them.")
    request = Request(enforce, parse_percent(rollout), _limit(drift_max), selector, evaluation_time(ctx, at))
    document = check_context(load_context(context, request.at))
    baseline = load_ir(ir) if ir else ctx.catalog.policy(policy_id(ctx, policy))
    changed = resolve_policy(ctx, candidate) if candidate else None
    decider = Decider(
        baseline,
        named_sets(ctx, document, *filter(None, (baseline, changed))),
        salt=SALT,
        candidate=changed,
        selector=selector,
        weights=load_weights(weights, selector),
    )
    decision = None if plan_only else _decide(decider, document, request)
    return Adaptation(baseline, decider.plan(document, request.at), request, context_hash(document), decision)


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


def named_sets(ctx: EngineContext, context: Mapping[str, Any], *irs: PolicyIR) -> dict[str, frozenset[str]]:
    """The reference sets that a context and policies name by root; others are not loaded, a list may be long."""
    available = ctx.catalog.reference_sets()
    roots = {text for text in _texts(context) if is_hash(text)}
    for ir in irs:
        roots.update(HASH_PATTERN.findall(ir.canonical.decode()))
    return {root: available[root] for root in sorted(roots) if root in available}


def _texts(context: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a context that may name a set: its roots and variables."""
    shared = {name: value for name, value in context.items() if name.endswith("_root")}
    for value in (*shared.values(), *context.get("variables", {}).values()):
        if isinstance(value, str):
            yield value


def _decide(decider: Any, context: Mapping[str, Any], request: Request) -> Any:
    return decider.decide(context, at=request.at, enforce=request.enforce, basis_points=request.basis_points)


def _limit(ratio: float) -> float:
    if not 0 <= ratio <= 1:
        hint = "Write a share from 0 to 1: 0.005 is 0.5 %."
        raise InvalidInput("adapt.drift_max_range", f"--drift-max {ratio:g} is not within 0..1", hint)
    return ratio
