"""Verification results, checked by whoever received one."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.result import CheckedResult


@operation("result.verify", command="verify-result")
def verify(
    ctx: "EngineContext",
    *,
    file: Annotated[
        str,
        Arg("The answer of /verify, or its result; - reads stdin.", positional=True, metavar="FILE"),
    ],
    jwks: Annotated[
        str, Arg("The verifier's key set; its own address without it.", metavar="FILE|URL", suggest="file")
    ] = "",
) -> "CheckedResult":
    """Check that a verification result is what a verifier signed. Exit code 3 when it is not."""
    from engine.ops.signatures import check_result

    return check_result(ctx, file, jwks)
