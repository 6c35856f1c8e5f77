"""The one-screen summary."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from engine.ops.evidence import SOURCE
from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.rollout.snapshot import ControlSnapshot


@operation("status.show", command="status")
def show(
    ctx: "EngineContext",
    *,
    policy: Annotated[
        str | None, Arg("The policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")
    ] = None,
    source: Annotated[str | None, SOURCE] = None,
    watch: Annotated[bool, Arg("Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[float, Arg("Seconds between two looks.", metavar="SECONDS")] = 2.0,
    count: Annotated[int, Arg("Stop after so many looks; 0 never stops.")] = 0,
) -> "ControlSnapshot | Iterator[ControlSnapshot]":
    """Show where the rollout stands and whether it may go on.

    The exit code is 0 whatever the gate says; ask 'capctl gate check' for an answer in the exit code.
    """
    from engine.ops.target import policy_id
    from engine.ops.view import snapshot
    from engine.ops.watching import looks

    if watch:
        return (snapshot(ctx, policy_id(ctx, policy), source) for _ in looks(interval, count))
    return snapshot(ctx, policy_id(ctx, policy), source)
