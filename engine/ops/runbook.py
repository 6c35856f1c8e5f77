"""Runbooks, where they are needed: on the console and the command line of whoever has installed capctl."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.runbook import Runbooks

NAMES: Final = ("rollout", "rollback", "incident", "auth_mtls", "cache_flush", "rotation", "restore")
"""Every runbook; `docs/runbook_NAME.md` in a checkout."""


@operation("runbook.show", command="runbook")
def show(
    ctx: "EngineContext",  # noqa: ARG001 - a runbook is the same in every environment
    name: Annotated[
        str | None,
        Arg("Which one; all of them in a line each without it.", positional=True, choices=NAMES, metavar="NAME"),
    ] = None,
) -> "Runbooks":
    """Show a runbook: what to type, in which order, and what it must come to.

    In the control room h opens the one that fits what is on the screen.
    """
    from engine.ops.runbook_shelf import read_runbooks

    return read_runbooks(name or "")
