"""The rollout room as operations use it: its service, and one look at everything."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.rollout.service import RolloutService
    from engine.rollout.snapshot import ControlSnapshot


def rollout_service(ctx: "EngineContext", source: str | None = None) -> "RolloutService":
    """The service that guards every change of a rollout, on the evidence of a source (None: the configured one)."""
    from engine.rollout.service import RolloutService

    return RolloutService(
        ctx.store,
        ctx.clock,
        ctx.settings,
        ctx.random_bytes,
        readiness=ctx.readiness,
        source=ctx.drift_source(source),
    )


def rollback_service(ctx: "EngineContext") -> "RolloutService":
    """The same for whoever goes back: it asks nobody on the network what the gate said, because that can take long."""
    from engine.rollout.service import RolloutService
    from engine.rollout.unasked import UnaskedSource

    source = None if ctx.settings.source == "embedded" else UnaskedSource(ctx.settings.source)
    return RolloutService(ctx.store, ctx.clock, ctx.settings, ctx.random_bytes, source=source)


def snapshot(ctx: "EngineContext", policy: str, source: str | None = None) -> "ControlSnapshot":
    """Everything about a policy's rollout at this moment, on the evidence of a source (None: the configured one)."""
    from dataclasses import replace

    from engine.ops.coverage import coverage_problem
    from engine.rollout.look import take_snapshot

    taken = take_snapshot(ctx.store, rollout_service(ctx, source), ctx.clock, policy)
    problem = coverage_problem(ctx)
    return replace(taken, problems=(*taken.problems, problem)) if problem else taken
