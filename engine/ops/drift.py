"""Drift: how much, in which direction, because of which rules."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.drift import DriftExplanation, DriftView

POLICY = Arg("The policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")


@operation("drift.show")
def show(ctx: "EngineContext", *, policy: Annotated[str | None, POLICY] = None) -> "DriftView":
    """Show drift over 5, 15 and 60 minutes and since the step began."""
    from engine.ops.results.drift import DriftView
    from engine.ops.target import policy_id
    from engine.ops.view import snapshot

    return DriftView.of(snapshot(ctx, policy_id(ctx, policy)))


@operation("drift.watch", streams=True)
def watch(
    ctx: "EngineContext",
    *,
    policy: Annotated[str | None, POLICY] = None,
    interval: Annotated[float, Arg("Seconds between two looks.", metavar="SECONDS")] = 2.0,
    count: Annotated[int, Arg("Stop after so many looks; 0 never stops.")] = 0,
) -> "Iterator[DriftView]":
    """Show drift again and again, until Ctrl-C."""
    from engine.ops.watching import looks

    return (show(ctx, policy=policy) for _ in looks(interval, count))


@operation("drift.explain")
def explain(ctx: "EngineContext", *, policy: Annotated[str | None, POLICY] = None) -> "DriftExplanation":
    """Name the rules behind the drift of this step, most frequent first."""
    from engine.ops.results.drift import DriftExplanation
    from engine.ops.target import policy_id
    from engine.ops.view import snapshot

    return DriftExplanation.of(snapshot(ctx, policy_id(ctx, policy)))
