"""Drift: how much, in which direction, because of which rules."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from engine.ops.evidence import SOURCE
from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.drift import DriftExplanation, DriftView

POLICY = Arg("The policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")


@operation("drift.show")
def show(
    ctx: "EngineContext",
    *,
    policy: Annotated[str | None, POLICY] = None,
    source: Annotated[str | None, SOURCE] = None,
) -> "DriftView":
    """Show drift over 5, 15 and 60 minutes and since the step began."""
    view = _look(ctx, policy, source)
    if view.source_problem:
        from engine.errors import Unavailable

        raise Unavailable("drift.source_silent", view.source_problem, "Check the source: capctl doctor, --source.")
    return view


@operation("drift.watch", streams=True)
def watch(
    ctx: "EngineContext",
    *,
    policy: Annotated[str | None, POLICY] = None,
    source: Annotated[str | None, SOURCE] = None,
    interval: Annotated[float, Arg("Seconds between two looks.", metavar="SECONDS")] = 2.0,
    count: Annotated[int, Arg("Stop after so many looks; 0 never stops.")] = 0,
) -> "Iterator[DriftView]":
    """Show drift again and again, until Ctrl-C; a source that falls silent is reported and asked again."""
    from engine.ops.watching import looks

    return (_look(ctx, policy, source) for _ in looks(interval, count))


@operation("drift.explain")
def explain(ctx: "EngineContext", *, policy: Annotated[str | None, POLICY] = None) -> "DriftExplanation":
    """Name the rules behind the drift of this step, most frequent first.

    They are read from the registry, where the verifiers report them; metrics name no rules.
    """
    from engine.ops.results.drift import DriftExplanation
    from engine.ops.target import policy_id
    from engine.ops.view import snapshot

    return DriftExplanation.of(snapshot(ctx, policy_id(ctx, policy), "embedded"))


def _look(ctx: "EngineContext", policy: str | None, source: str | None) -> "DriftView":
    from engine.ops.results.drift import DriftView
    from engine.ops.target import policy_id
    from engine.ops.view import snapshot

    return DriftView.of(snapshot(ctx, policy_id(ctx, policy), source))
