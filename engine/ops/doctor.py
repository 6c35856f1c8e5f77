"""Is everything here fit for a cutover?"""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.doctor import Diagnosis


@operation("doctor.run", command="doctor")
def doctor(
    ctx: "EngineContext",
    *,
    policy: Annotated[
        str | None, Arg("The policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")
    ] = None,
) -> "Diagnosis":
    """Check this environment, and say how to fix what is wrong. Exit code 3 when a check fails."""
    from engine.ops.checks import run_checks
    from engine.ops.target import policy_id

    return run_checks(ctx, lambda: policy_id(ctx, policy))
