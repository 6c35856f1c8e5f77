"""Trying out a verifier that was just deployed."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.caller import BASE, CA_FILE, CLIENT_CERTIFICATE, TOKEN_FILE
from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.cutover.smoke import SmokeReport


@operation("smoke.run", command="smoke", key="s", writes_document=True)
def smoke(
    ctx: "EngineContext",
    *,
    base: Annotated[str, BASE] = "",
    policy: Annotated[str, Arg("The policy to verify.", metavar="ID", suggest="policy")] = "lksg.v1",
    token_file: Annotated[str, TOKEN_FILE] = "",
    ca_file: Annotated[str, CA_FILE] = "",
    client_certificate: Annotated[str, CLIENT_CERTIFICATE] = "",
) -> "SmokeReport":
    """Try a verifier out: health, readiness, a signed verdict, refusals, metrics. Exit code 3 when a check fails.

    The verifier must be of the environment that is meant (--env), or nothing is tried. The token comes from the file,
    else from CAPCTL_TOKEN or TOKEN; for development it is made here. -o writes the report as JSON.
    """
    from engine.cutover.access import open_access
    from engine.cutover.records import keep_record
    from engine.cutover.smoke import run_smoke

    access = open_access(
        ctx.settings,
        ctx.clock,
        base=base,
        token_file=token_file,
        ca_file=ca_file,
        client_certificate=client_certificate,
    )
    report = run_smoke(access, env=ctx.env, clock=ctx.clock, policy_id=policy, emit=ctx.emit)
    if not ctx.read_only:
        keep_record(ctx.settings.state_dir, "smoke", report.document, at=report.at)
    return report
