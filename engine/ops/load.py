"""A spot load test of a verifier."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.caller import BASE, CA_FILE, CLIENT_CERTIFICATE, TOKEN_FILE
from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.cutover.load_report import LoadReport, LoadSecond


@operation("load.run", command="load", danger=Danger.WRITE, key="l", writes_document=True, rehearses=True)
def load(
    ctx: "EngineContext",
    *,
    rps: Annotated[float, Arg("Requests a second, evenly spaced.", metavar="N")] = 20.0,
    duration: Annotated[str, Arg("For how long: 90s, 15m, 1h.", metavar="TIME")] = "60s",
    p95: Annotated[float, Arg("95 % must be answered within so many milliseconds.", metavar="MS")] = 600.0,
    max_errors: Annotated[float, Arg("Less than this share may fail, 0 to 1.", metavar="R")] = 0.01,
    timeout: Annotated[str, Arg("When a caller gives up.", metavar="TIME")] = "10s",
    target: Annotated[
        str | None, Arg("Where its replicas are counted meanwhile.", choices=("kubernetes", "local"))
    ] = None,
    base: Annotated[str, BASE] = "",
    policy: Annotated[str, Arg("The policy to verify.", metavar="ID", suggest="policy")] = "lksg.v1",
    token_file: Annotated[str, TOKEN_FILE] = "",
    ca_file: Annotated[str, CA_FILE] = "",
    client_certificate: Annotated[str, CLIENT_CERTIFICATE] = "",
) -> "LoadReport":
    """Put a steady load on a verifier and hold it to its objective. Exit code 3 when it is missed.

    Requests are sent when they are due, however long answers take, and timed from that moment: a server that stalls
    cannot hide it. The requests are real ones and count as evidence in a running rollout. -o writes the report as JSON.
    Exit code 4 when the run proves nothing: too few requests, or this machine could not keep up.
    """
    from engine.context import Progress
    from engine.cutover.access import open_access
    from engine.cutover.durations import read_duration
    from engine.cutover.load import run_load
    from engine.cutover.load_report import LoadPlan
    from engine.cutover.records import keep_record
    from engine.cutover.slo import Slo
    from engine.ops.replica_count import replica_count

    plan = LoadPlan(rps, read_duration(duration), read_duration(timeout), policy)
    slo = Slo(p95 / 1000, max_errors)
    access = open_access(
        ctx.settings,
        ctx.clock,
        base=base,
        token_file=token_file,
        ca_file=ca_file,
        client_certificate=client_certificate,
    )

    def tell(second: "LoadSecond") -> None:
        ctx.emit(Progress("load", min(second.due, plan.requests), plan.requests, second.line, figures=second.figures))

    report = run_load(
        access,
        plan,
        env=ctx.env,
        clock=ctx.clock,
        slo=slo,
        on_second=tell,
        replicas=replica_count(ctx, target) if target else None,
        rehearse=ctx.rehearsing,
    )
    if not report.rehearsed:
        keep_record(ctx.settings.state_dir, "load", report.document, at=report.at)
    return report
