"""The demonstration as one world: its callers ask what is deployed on this machine, and a cutover finds it there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from engine.cutover.plan import Phase
from engine.errors import EngineError
from engine.ops.cutover_kept import latest

if TYPE_CHECKING:
    from pathlib import Path

    from engine.context import EngineContext
    from engine.demo import DemoWorld


def demo_world(ctx: EngineContext, state_dir: Path, *, port: int = 0, **options: Any) -> DemoWorld:
    """The demonstration in a state directory, not yet entered.

    Args:
        ctx: Who acts, with which clock and settings.
        state_dir: Of the world.
        port: Where its callers ask: the proxy's. 0 takes the one it had, else a free one.
        options: Of `DemoWorld`.
    """
    from engine.cutover.local.serving import ReleaseServing
    from engine.demo import DemoWorld

    settings = {"settings": ctx.settings, "actor": ctx.actor}
    serve = partial(ReleaseServing, port=port)
    return DemoWorld(state_dir, ctx.clock, serve=serve, **{"keeps_rollout": is_cut_over, **settings, **options})


def is_cut_over(ctx: EngineContext) -> bool:
    """Whether a cutover is under way, to which the rollout belongs. One that cannot be read is left alone."""
    try:
        evening = latest(ctx)
    except EngineError:
        return True
    return evening is not None and evening.phase is Phase.OPEN
