"""The evening as one plan: preflight, review, deploy, smoke, canary, enforcement, SAP pilot, drills, sign-off."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.cutover import CutoverReport, CutoverShown

HEADLESS: Final = Arg("Say every go by itself, and begin or end nothing by asking; never in production.")
APPROVER: Final = Arg("The second person, where production asks for one.", metavar="NAME")
PATIENCE: Final = Arg("Longest wait for a gate that holds.", metavar="TIME")


@operation("cutover.status")
def status(ctx: "EngineContext") -> "CutoverShown":
    """Show every step with its evidence, what is next, the way back, and who works on it now.

    Exit code 0 when it is done, 3 when a step failed or it was rolled back, 4 while it is open.
    """
    from engine.ops.evening import show

    return show(ctx)


@operation("cutover.run", danger=Danger.WRITE, rehearses=True, names_environment=True)
def run(
    ctx: "EngineContext",
    *,
    target: Annotated[str, Arg("Where to deploy.", choices=("kubernetes", "local"))] = "kubernetes",
    headless: Annotated[bool, HEADLESS] = False,
    policy: Annotated[str | None, Arg("The policy to enforce.", metavar="ID", suggest="policy")] = None,
    canary: Annotated[
        str, Arg("How long the canary must be clean; 15m, in the demonstration 10s.", flags=("--canary-for",))
    ] = "",
    approver: Annotated[str, APPROVER] = "",
    patience: Annotated[str, PATIENCE] = "10m",
) -> "CutoverShown":
    """Begin a cutover, and go on until a step wants a go, holds or fails; then cutover resume goes on.

    With --dry-run it shows the steps and does none of them. With --target local and no other environment named it is
    rehearsed in the demonstration, which brings callers and a simulated SAP. The record is written into the state
    directory at the end.
    """
    from engine.ops.evening import begin_evening

    return begin_evening(
        ctx,
        target=target,
        policy=policy,
        canary=canary,
        headless=headless,
        approver=approver,
        patience=patience,
    )


@operation("cutover.resume", danger=Danger.WRITE, rehearses=True, names_environment=True)
def resume(
    ctx: "EngineContext",
    *,
    go: Annotated[bool, Arg("Say go to the step that waits for it.")] = False,
    headless: Annotated[bool, HEADLESS] = False,
    approver: Annotated[str, APPROVER] = "",
    patience: Annotated[str, PATIENCE] = "10m",
) -> "CutoverShown":
    """Go on with the cutover, whoever began it and on whichever machine; what was done is not done again.

    Exit code 6 while somebody else works on it.
    """
    from engine.ops.evening import resume_evening

    return resume_evening(ctx, go=go, headless=headless, approver=approver, patience=patience)


@operation("cutover.rollback", danger=Danger.WRITE, restores_safety=True)
def rollback(
    ctx: "EngineContext",
    *,
    policy: Annotated[str | None, Arg("The policy; the cutover's own without it.", metavar="ID", suggest="policy")] = (
        None
    ),
    reason: Annotated[str, Arg("Why, for the history and the audit trail.")] = "",
) -> "CutoverShown":
    """Stop enforcing now, and end the cutover; then name the command that takes the deployment back.

    Always allowed, from every step, without a gate; also while somebody else works on it.
    """
    from engine.ops.evening import take_back

    return take_back(ctx, policy, reason)


@operation("cutover.report", danger=Danger.WRITE, key="w", rehearses=True)
def report(ctx: "EngineContext") -> "CutoverReport":
    """Write the record of the latest cutover as it stands now, and say where it lies.

    It is written by itself when a cutover is done; this is for one that is open, stopped or rolled back. The trail is
    signed first, so that the record proves itself: capctl audit verify --file FILE.
    """
    from engine.ops.cutover_record import report_evening

    return report_evening(ctx)
