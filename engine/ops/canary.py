"""Watching a canary."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.cutover.canary import CanaryRow


@operation("canary.watch", key="w", streams=True)
def watch(
    ctx: "EngineContext",
    *,
    duration: Annotated[str, Arg("How long it must be clean: 15m, 1h.", flags=("--for",), metavar="TIME")] = "15m",
    source: Annotated[
        str,
        Arg("Where to look: the verifiers' metrics, or Prometheus.", choices=("auto", "scrape", "prometheus")),
    ] = "auto",
    base: Annotated[str, Arg("Verifiers to scrape, separated by commas.", metavar="URL,URL")] = "",
    canary: Annotated[
        str, Arg("Which verifiers are the canary: a label and a pattern.", metavar="LABEL=PATTERN")
    ] = "replica=*canary*",
    policy: Annotated[str | None, Arg("The policy whose drift counts.", metavar="ID", suggest="policy")] = None,
    p95: Annotated[float, Arg("95 % must be answered within so many milliseconds.", metavar="MS")] = 600.0,
    drift_max: Annotated[float, Arg("Limit on drift, 0 to 1.", metavar="R")] = 0.005,
    patience: Annotated[str, Arg("How long silence may last.", metavar="TIME")] = "60s",
    interval: Annotated[str, Arg("Between two looks.", metavar="TIME")] = "5s",
) -> "Iterator[CanaryRow]":
    """Watch a canary: no 5xx, no restart, p95, drift. Exit 0 green, 3 red, 4 held by silence or doubt.

    One 5xx makes it red at once; green takes the whole time, which counts only while evidence flows. Without --source,
    Prometheus is asked where it is configured as the source, else what --base names, else what runs on this machine.
    """
    from engine.cutover.canary import CanaryLimits, watch_canary
    from engine.cutover.durations import read_duration
    from engine.cutover.slo import Slo
    from engine.ops.canary_targets import canary_label, canary_source, recorded
    from engine.ops.target import policy_id

    limits = CanaryLimits(read_duration(duration), read_duration(patience), Slo(p95_s=p95 / 1000), drift_max)
    rows = watch_canary(
        canary_source(ctx, source, base),
        limits,
        policy_id=policy_id(ctx, policy),
        clock=ctx.clock,
        label=canary_label(canary),
        interval_s=read_duration(interval),
        sleep=ctx.sleep,
    )
    return recorded(ctx, rows)
