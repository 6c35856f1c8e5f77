"""The record of a cutover, as a document that leaves the house."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.report import Report


@operation("report.write", command="report", writes_document=True)
def write(
    ctx: "EngineContext",
    *,
    policy: Annotated[
        str | None, Arg("The policy; the only one there is, else lksg.v1.", metavar="ID", suggest="policy")
    ] = None,
    since: Annotated[str, Arg("Only from this time on (RFC 3339, or a date).", metavar="TIME")] = "",
    format: Annotated[str, Arg("Of the file that -o writes.", choices=("html", "markdown", "json"))] = "html",
) -> "Report":
    """Tell the cutover as one file: the plan, the rollout with its evidence, trials, and what everybody did.

    The file needs nothing else to be read, holds pseudonyms and hashes instead of names and reasons, and carries the
    signed audit trail: `capctl audit verify --file FILE` checks an HTML report offline.
    """
    from engine.ops.reporting import compose, written
    from engine.ops.results.report import Report

    record = compose(ctx, policy, since)
    return Report(record, written(record, format))
