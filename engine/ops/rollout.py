"""The rollout: where it stands, and every way to change it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.rollout import PlanView, RolloutChanged, RolloutView

POLICY: Final = Arg("The policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")
REASON: Final = Arg("Why, for the history and the audit trail.")
REVISION: Final = Arg("Only if the rollout still has this revision.", flags=("--if-revision",))
BREAK_GLASS: Final = Arg("Pass a gate that is not open. Needs --reason, ends within 60 minutes, is loud everywhere.")
APPROVER: Final = Arg("The second person, where production asks for one.", metavar="NAME")
PLAN: Final = Arg(
    "A rollout plan as YAML or JSON; else the last plan, else 0, 25, 100.", metavar="FILE", suggest="file"
)


@operation("rollout.show")
def show(ctx: "EngineContext", *, policy: Annotated[str | None, POLICY] = None) -> "RolloutView":
    """Show the rollout's state, plan and history."""
    from engine.ops.results.rollout import RolloutView
    from engine.ops.target import policy_id
    from engine.ops.view import snapshot

    return RolloutView.of(snapshot(ctx, policy_id(ctx, policy)))


@operation("rollout.start", danger=Danger.WRITE, key="s")
def start(
    ctx: "EngineContext",
    *,
    policy: Annotated[str | None, POLICY] = None,
    plan: Annotated[str | None, PLAN] = None,
    auto: Annotated[bool, Arg("Promote by itself on an open gate after each hold time.")] = False,
    candidate: Annotated[
        str | None, Arg("A published policy id, or the file of one, to roll out.", metavar="ID|FILE", suggest="policy")
    ] = None,
    drift_max: Annotated[float | None, Arg("The gate's limit on drift, 0 to 1, on every step.", metavar="R")] = None,
    reason: Annotated[str, REASON] = "",
) -> "RolloutChanged":
    """Start a rollout at 0 %, where everything is measured and nothing enforced.

    Rolling back is automatic on a closed gate, whether or not the plan promotes by itself.
    """
    from engine.ops.candidates import keep_candidate
    from engine.ops.plans import load_plan
    from engine.ops.results.rollout import RolloutChanged
    from engine.ops.target import policy_id
    from engine.ops.view import rollout_service

    target = policy_id(ctx, policy)
    last = ctx.store.rollout(target)
    steps = load_plan(
        plan,
        auto=auto,
        drift_max=drift_max,
        default_drift_max=ctx.settings.drift_max_ratio,
        previous=last.plan if last else None,
    )
    ir_hash = keep_candidate(ctx, candidate) if candidate else None
    state = rollout_service(ctx).start(target, steps, actor=ctx.actor, reason=reason, candidate_ir_hash=ir_hash)
    return RolloutChanged("start", state)


@operation("rollout.set", danger=Danger.WRITE)
def set_percent(
    ctx: "EngineContext",
    *,
    percent: Annotated[str, Arg("Share of requests to enforce, 0 to 100.", positional=True)],
    policy: Annotated[str | None, POLICY] = None,
    reason: Annotated[str, REASON] = "",
    break_glass: Annotated[bool, BREAK_GLASS] = False,
    approver: Annotated[str, APPROVER] = "",
    if_revision: Annotated[int | None, REVISION] = None,
) -> "RolloutChanged":
    """Enforce a share of the requests. Going up passes the gate; going down needs none."""
    from engine.ops.results.rollout import RolloutChanged
    from engine.ops.target import policy_id
    from engine.ops.view import rollout_service
    from engine.rollout.plan import parse_percent

    state = rollout_service(ctx).set_percent(
        policy_id(ctx, policy),
        parse_percent(percent),
        actor=ctx.actor,
        reason=reason,
        break_glass=break_glass,
        approver=approver,
        expected_revision=if_revision,
    )
    return RolloutChanged("set", state)


@operation("rollout.promote", danger=Danger.WRITE, key="p")
def promote(
    ctx: "EngineContext",
    *,
    policy: Annotated[str | None, POLICY] = None,
    reason: Annotated[str, REASON] = "",
    break_glass: Annotated[bool, BREAK_GLASS] = False,
    approver: Annotated[str, APPROVER] = "",
    if_revision: Annotated[int | None, REVISION] = None,
) -> "RolloutChanged":
    """Go on to the plan's next step, if the gate is open."""
    from engine.ops.results.rollout import RolloutChanged
    from engine.ops.target import policy_id
    from engine.ops.view import rollout_service

    state = rollout_service(ctx).promote(
        policy_id(ctx, policy),
        actor=ctx.actor,
        reason=reason,
        break_glass=break_glass,
        approver=approver,
        expected_revision=if_revision,
    )
    return RolloutChanged("promote", state)


@operation("rollout.pause", danger=Danger.WRITE, restores_safety=True, key="space")
def pause(
    ctx: "EngineContext", *, policy: Annotated[str | None, POLICY] = None, reason: Annotated[str, REASON] = ""
) -> "RolloutChanged":
    """Hold enforcement where it is; nothing is promoted."""
    from engine.ops.results.rollout import RolloutChanged
    from engine.ops.target import policy_id
    from engine.ops.view import rollout_service

    return RolloutChanged("pause", rollout_service(ctx).pause(policy_id(ctx, policy), actor=ctx.actor, reason=reason))


@operation("rollout.resume", danger=Danger.WRITE)
def resume(
    ctx: "EngineContext", *, policy: Annotated[str | None, POLICY] = None, reason: Annotated[str, REASON] = ""
) -> "RolloutChanged":
    """Go on after a pause, at the same percentage."""
    from engine.ops.results.rollout import RolloutChanged
    from engine.ops.target import policy_id
    from engine.ops.view import rollout_service

    return RolloutChanged("resume", rollout_service(ctx).resume(policy_id(ctx, policy), actor=ctx.actor, reason=reason))


@operation("rollout.rollback", danger=Danger.WRITE, restores_safety=True, key="b")
def rollback(
    ctx: "EngineContext", *, policy: Annotated[str | None, POLICY] = None, reason: Annotated[str, REASON] = ""
) -> "RolloutChanged":
    """Go back to 0 % now: always allowed, by one person, without a gate."""
    from engine.ops.results.rollout import RolloutChanged
    from engine.ops.target import policy_id
    from engine.ops.view import rollback_service

    target = policy_id(ctx, policy)
    return RolloutChanged("rollback", rollback_service(ctx).rollback(target, actor=ctx.actor, reason=reason))


@operation("rollout.plan")
def plan(
    ctx: "EngineContext",
    *,
    file: Annotated[
        str | None, Arg("The plan to read; the default plan without one.", positional=True, metavar="FILE")
    ] = None,
    drift_max: Annotated[float | None, Arg("The gate's limit on drift, 0 to 1, on every step.", metavar="R")] = None,
) -> "PlanView":
    """Check a rollout plan and show what each step will ask for."""
    from engine.ops.plans import load_plan
    from engine.ops.results.rollout import PlanView

    return PlanView.of(load_plan(file, auto=False, drift_max=drift_max, default_drift_max=ctx.settings.drift_max_ratio))


@operation("rollout.watch", streams=True)
def watch(
    ctx: "EngineContext",
    *,
    policy: Annotated[str | None, POLICY] = None,
    interval: Annotated[float, Arg("Seconds between two looks.", metavar="SECONDS")] = 2.0,
    count: Annotated[int, Arg("Stop after so many looks; 0 stops only at the end of the rollout.")] = 0,
) -> "Iterator[RolloutView]":
    """Show the rollout again and again until it is full (exit code 0) or rolled back (3)."""
    from engine.ops.watching import looks

    for _ in looks(interval, count):
        view = show(ctx, policy=policy)
        yield view
        if view.has_ended:
            return
