"""What the deploy commands do: choose the target, and carry a request to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from engine.audit import AuditEvent
from engine.cutover.target import Deployed, DeployTarget, OnFailure, Release
from engine.errors import InvalidInput
from engine.ids import hash_json
from engine.ops.results.deploy import DeployPlan, DiffShown, StatusShown, TargetName
from engine.readiness.chart import values_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.context import EngineContext

UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
LONGEST_S: Final = 6 * 3600


def release_of(
    ctx: EngineContext,
    name: str,
    chart: str,
    values: Sequence[str],
    timeout: str,
    *,
    on_failure: str = OnFailure.ROLLBACK,
    if_revision: int | None = None,
) -> Release:
    """What a command line asks to deploy.

    Raises:
        InvalidInput: The name, the time or the revision is impossible.
    """
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?", name):
        hint = "Lower-case letters, digits and hyphens, 53 characters at most."
        raise InvalidInput("deploy.release_name", f"{name!r} cannot be the name of a release", hint)
    if if_revision is not None and if_revision < 0:
        raise InvalidInput("deploy.revision", f"There is no revision {if_revision}", "capctl deploy status lists them.")
    files = tuple(values) or tuple(str(file) for file in values_for(Path(chart), ctx.env))
    return Release(name, chart, files, seconds(timeout), OnFailure(on_failure), if_revision)


def seconds(text: str) -> int:
    """A time as helm's flags spell it: `10m`, `90s`, `600`.

    Raises:
        InvalidInput: It is none, or longer than six hours.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    value = int(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < value <= LONGEST_S:
        raise InvalidInput("deploy.timeout", f"{text!r} is no time to wait", "Write it as 10m, 90s or 600.")
    return value


def open_target(ctx: EngineContext, name: str | None) -> DeployTarget:
    """The target of that name; without one, processes on this machine in the demonstration, else the cluster.

    Raises:
        InvalidInput: There is no such target.
    """
    chosen = name or ("local" if ctx.env == "demo" else "kubernetes")
    if chosen not in get_args(TargetName):
        raise InvalidInput("deploy.target", f"There is no target {chosen!r}", "Give kubernetes or local.")
    if chosen == "local":
        from engine.cutover.local.target import LocalTarget

        return LocalTarget(ctx.settings, ctx.clock, actor=ctx.actor, sleep=ctx.sleep)
    from engine.cutover.kubernetes import KubernetesTarget

    return KubernetesTarget(ctx.settings, ctx.clock, actor=ctx.actor, sleep=ctx.sleep)


def plan_deployment(ctx: EngineContext, name: str | None, release: Release) -> DeployPlan:
    """See `engine.ops.deploy.plan`."""
    target = open_target(ctx, name)
    remarks = target.check(release)
    return DeployPlan(ctx.env, target.commands(release), target.diff(release), target.status(release.name), remarks)


def apply_release(ctx: EngineContext, name: str | None, release: Release) -> Deployed | DeployPlan:
    """See `engine.ops.deploy.apply`; a rehearsal makes the plan."""
    if ctx.rehearsing:
        return plan_deployment(ctx, name, release)
    return _recorded(ctx, "deploy.apply", release.name, open_target(ctx, name).apply(release, ctx.emit))


def show_diff(ctx: EngineContext, name: str | None, release: Release) -> DiffShown:
    """See `engine.ops.deploy.diff`."""
    return DiffShown(open_target(ctx, name).diff(release))


def show_status(ctx: EngineContext, name: str | None, release: str) -> StatusShown:
    """See `engine.ops.deploy.status`."""
    return StatusShown(ctx.env, open_target(ctx, name).status(release))


def roll_back(
    ctx: EngineContext, name: str | None, release: str, revision: int | None, timeout: str
) -> Deployed | StatusShown:
    """See `engine.ops.deploy.rollback`; a rehearsal shows where the release stands."""
    if ctx.rehearsing:
        return show_status(ctx, name, release)
    result = open_target(ctx, name).rollback(release, revision, ctx.emit, timeout_s=seconds(timeout))
    return _recorded(ctx, "deploy.rollback", release, result)


def _recorded(ctx: EngineContext, action: str, release: str, result: Deployed) -> Deployed:
    """Tell the audit trail which revision of which release serves since, and on which chart and images."""
    evidence = {
        "target": result.status.target,
        "chart_digest": result.chart_digest,
        "images": list(result.status.images),
        "from_revision": result.from_revision,
    }
    event = AuditEvent(
        action,
        "done",
        ctx.store.pseudonym(ctx.actor),
        object=release,
        revision=result.revision,
        evidence=hash_json(evidence),
    )
    ctx.store.append_audit(event, at=ctx.clock.now())
    return result
