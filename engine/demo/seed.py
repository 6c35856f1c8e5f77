"""What the demonstration starts with: policies, lists, and a rollout at 0 %; and the candidate that makes it drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import NotFound, Refused
from engine.rollout.state import Phase, RolloutPlan, RolloutState

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.policy.ir import PolicyIR
    from engine.rollout.service import RolloutService

ENV: Final = "demo"
"""Name of the demonstration's environment."""
POLICY_ID: Final = "lksg.v1"
PILOT_POLICY_ID: Final = "lksg-sap.v1"
"""What the SAP pilot verifies with."""
DRIFTING_POLICY_ID: Final = "lksg.v1-drift"
DEFAULT_PLAN: Final = "0,25,100"
DEFAULT_DRIFT_MAX: Final = 0.005
DEFAULT_HOLD_S: Final = 3.0


def demo_plan(
    percents: str = DEFAULT_PLAN,
    *,
    drift_max: float = DEFAULT_DRIFT_MAX,
    hold_s: float = DEFAULT_HOLD_S,
    auto: bool = False,
) -> RolloutPlan:
    """The demonstration's plan. Hold times are short: the gate opens on evidence, and the evidence is quick.

    Raises:
        InvalidInput: The percentages are no plan, or the limit is no share.
    """
    from engine.rollout.plan import parse_gate, plan_of_percents

    gate = parse_gate({"drift_max_ratio": drift_max})
    return plan_of_percents(percents, gate=gate, hold_s=hold_s, auto=auto)


def furnish(ctx: EngineContext) -> None:
    """Publish the demonstration's policies and import its lists. Doing it again changes nothing.

    Raises:
        Conflict: The store holds another policy under that id.
    """
    from engine.audit import AuditEvent
    from engine.ids import merkle_root
    from engine.policies import shipped
    from engine.policies.demonstration import demo_lists

    store, at = ctx.store, ctx.clock.now()
    actor = store.pseudonym(ctx.actor)
    for policy_id in (POLICY_ID, PILOT_POLICY_ID):
        event = AuditEvent("policy.publish", "done", actor, object=policy_id)
        store.publish(_shipped(policy_id), shipped()[policy_id], at=at, audit=event)
    for name, members in demo_lists().items():
        event = AuditEvent("lists.import", "done", actor, object=merkle_root(members))
        store.import_set(name, members, at=at, audit=event)


def begin(ctx: EngineContext, plan: RolloutPlan, *, fresh: bool) -> RolloutState:
    """Go on with the persisted rollout, or start one at 0 %.

    It goes on only where it is under way and follows the same plan; one that has ended, or follows another plan, starts
    over.

    Args:
        ctx: The demonstration's environment.
        plan: What is to be followed.
        fresh: Start over in any case.
    """
    service = service_of(ctx)
    state = ctx.store.rollout(POLICY_ID)
    if state is not None:
        under_way = state.phase in (Phase.SHADOW, Phase.CANARY, Phase.PAUSED)
        if under_way and state.plan == plan and not fresh:
            return state
        if state.basis_points > 0:
            service.rollback(POLICY_ID, actor=ctx.actor, reason="the demonstration starts over")
    return service.start(POLICY_ID, plan, actor=ctx.actor, reason="demonstration")


def inject_drift(ctx: EngineContext, *, reason: str = "demonstration") -> RolloutState:
    """Put the shipped drifting candidate under the running rollout.

    Raises:
        Refused: This is not the demonstration.
        NotFound: No rollout was started.
    """
    if ctx.settings.env != ENV:
        raise Refused(
            "demo.not_here",
            f"{ctx.settings.env} is not the demonstration",
            "Start one with capctl demo and use it there.",
        )
    return service_of(ctx).inject_candidate(POLICY_ID, _shipped(DRIFTING_POLICY_ID), actor=ctx.actor, reason=reason)


def service_of(ctx: EngineContext) -> RolloutService:
    """The guard of every change, on this context's store."""
    from engine.rollout.service import RolloutService

    return RolloutService(ctx.store, ctx.clock, ctx.settings, ctx.random_bytes, readiness=ctx.readiness)


def _shipped(policy_id: str) -> PolicyIR:
    from engine.policies.catalog import shipped_policy

    ir = shipped_policy(policy_id)
    if ir is None:
        raise NotFound("demo.not_shipped", f"{policy_id} is not shipped with this capctl", "Install it again.")
    return ir
