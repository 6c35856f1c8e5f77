"""What runs on this machine for a rehearsal: shifting its traffic, and ending it."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.local import LocalShifted, LocalStopped


@operation("local.shift", danger=Danger.WRITE, rehearses=True)
def shift(
    ctx: "EngineContext",
    *,
    percent: Annotated[int, Arg("The canary's share of the requests, 0 to 100.", positional=True, metavar="PERCENT")],
) -> "LocalShifted":
    """Give the canary on this machine another share of the requests, at once and without losing one."""
    from engine.cutover.local.target import LocalTarget
    from engine.ops.results.local import LocalShifted

    if not ctx.rehearsing:
        LocalTarget(ctx.settings, ctx.clock, actor=ctx.actor).set_canary_percent(percent)
    return LocalShifted(percent)


@operation("local.stop", danger=Danger.WRITE, rehearses=True)
def stop(ctx: "EngineContext") -> "LocalStopped":
    """End the verifiers on this machine and their proxy, and whatever was left behind.

    They finish what is under way. What was deployed stays in the history: deploy rollback brings it back.
    """
    from engine.cutover.local.target import LocalTarget
    from engine.ops.results.local import LocalStopped

    target = LocalTarget(ctx.settings, ctx.clock, actor=ctx.actor)
    return LocalStopped(target.running() if ctx.rehearsing else target.stop())
