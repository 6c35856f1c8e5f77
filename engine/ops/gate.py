"""The gate, for scripts."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.evidence import SOURCE
from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.gate import GateCheck


@operation("gate.check")
def check(
    ctx: "EngineContext",
    *,
    policy: Annotated[
        str | None, Arg("The policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")
    ] = None,
    source: Annotated[str | None, SOURCE] = None,
) -> "GateCheck":
    """Ask whether the rollout may go on: exit code 0 open, 3 closed, 4 hold.

    Whatever is not known is hold: no rollout, no traffic, a silent verifier, too little evidence, too soon.
    """
    from engine.errors import Held
    from engine.ops.results.gate import GateCheck
    from engine.ops.target import policy_id
    from engine.ops.view import rollout_service

    target = policy_id(ctx, policy)
    if ctx.store.rollout(target) is None:
        raise Held("gate.no_rollout", f"No rollout of {target} was started", "Start one: capctl rollout start.")
    return GateCheck(target, ctx.env, rollout_service(ctx, source).gate(target))
