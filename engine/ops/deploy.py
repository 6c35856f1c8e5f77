"""Deploying the verifier: to a cluster through helm and kubectl, or to processes on this machine for a rehearsal."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.cutover.target import Deployed
    from engine.ops.results.deploy import DeployPlan, DiffShown, StatusShown

TARGET: Final = Arg("Where to; local in the demonstration, else kubernetes.", choices=("kubernetes", "local"))
RELEASE: Final = Arg("Name of the release.", metavar="NAME")
CHART: Final = Arg("Folder of the chart.", metavar="DIR", suggest="file")
VALUES: Final = Arg(
    "A file of values; again for more. The environment's own of the chart without it.",
    flags=("-f", "--values"),
    metavar="FILE",
    suggest="file",
)
TIMEOUT: Final = Arg("Longest that helm waits, and that readiness is awaited after it.", metavar="10m|SECONDS")
ON_FAILURE: Final = Arg("What becomes of a release that does not come up.", choices=("rollback", "keep"))
REVISION: Final = Arg("Only if this is still the newest revision; 0 for none.", flags=("--if-revision",), metavar="N")


@operation("deploy.plan", key="p")
def plan(
    ctx: "EngineContext",
    *,
    target: Annotated[str | None, TARGET] = None,
    release: Annotated[str, RELEASE] = "cap",
    chart: Annotated[str, CHART] = "helm/",
    values: Annotated[list[str], VALUES] = [],  # noqa: B006 - read, never changed; a tuple is no option's default
    timeout: Annotated[str, TIMEOUT] = "10m",
) -> "DeployPlan":
    """Show the exact commands, what they would change, and every obstacle that can be seen. Changes nothing.

    It names the revision it was made for: give it to apply as --if-revision, and a change by somebody else in between
    is a conflict.
    """
    from engine.ops.deploying import plan_deployment, release_of

    return plan_deployment(ctx, target, release_of(ctx, release, chart, values, timeout))


@operation("deploy.apply", danger=Danger.WRITE, key="a", rehearses=True, names_environment=True)
def apply(
    ctx: "EngineContext",
    *,
    target: Annotated[str | None, TARGET] = None,
    release: Annotated[str, RELEASE] = "cap",
    chart: Annotated[str, CHART] = "helm/",
    values: Annotated[list[str], VALUES] = [],  # noqa: B006 - as above
    timeout: Annotated[str, TIMEOUT] = "10m",
    on_failure: Annotated[str, ON_FAILURE] = "rollback",
    if_revision: Annotated[int | None, REVISION] = None,
) -> "Deployed | DeployPlan":
    """Deploy, and wait until every resource is ready; go on where somebody was interrupted.

    What does not come up is taken back to the last revision that served, unless --on-failure keep says otherwise. Exit
    code 3 when it did not come up, 4 when it serves with a limitation, 6 when somebody else changed or changes it.
    """
    from engine.ops.deploying import apply_release, release_of

    wanted = release_of(ctx, release, chart, values, timeout, on_failure=on_failure, if_revision=if_revision)
    return apply_release(ctx, target, wanted)


@operation("deploy.diff")
def diff(
    ctx: "EngineContext",
    *,
    target: Annotated[str | None, TARGET] = None,
    release: Annotated[str, RELEASE] = "cap",
    chart: Annotated[str, CHART] = "helm/",
    values: Annotated[list[str], VALUES] = [],  # noqa: B006 - as above
) -> "DiffShown":
    """Show what deploying would change, object by object. Secrets are named and not shown."""
    from engine.ops.deploying import release_of, show_diff

    return show_diff(ctx, target, release_of(ctx, release, chart, values, "10m"))


@operation("deploy.status")
def status(
    ctx: "EngineContext",
    *,
    target: Annotated[str | None, TARGET] = None,
    release: Annotated[str, RELEASE] = "cap",
) -> "StatusShown":
    """Show where the release stands, every resource with what keeps it, its history, and what to do next.

    Exit code 0 when everything is ready, 3 when it failed, 4 while that is open.
    """
    from engine.ops.deploying import show_status

    return show_status(ctx, target, release)


@operation("deploy.rollback", danger=Danger.WRITE, key="u", restores_safety=True, rehearses=True)
def rollback(
    ctx: "EngineContext",
    *,
    revision: Annotated[
        int | None, Arg("The revision; the last that served without it.", positional=True, metavar="N")
    ] = None,
    target: Annotated[str | None, TARGET] = None,
    release: Annotated[str, RELEASE] = "cap",
    timeout: Annotated[str, TIMEOUT] = "10m",
) -> "Deployed | StatusShown":
    """Go back to a revision that served; it also leads out of a release that a killed helm left pending.

    It deploys an older revision. To stop enforcing at once use rollout rollback, which takes under a second.
    """
    from engine.ops.deploying import roll_back

    return roll_back(ctx, target, release, revision, timeout)
