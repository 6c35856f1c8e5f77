"""`capctl` alone: the control room."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, Danger, Operation, parameters

if TYPE_CHECKING:
    from engine.context import EngineContext


def open_console(
    ctx: "EngineContext",
    *,
    read_only: Annotated[bool, Arg("Look, but change nothing.")] = False,
    version: Annotated[bool, Arg("Show the version, and nothing else.")] = False,
) -> str | None:
    """Open the control room, or run one of its commands."""
    if version:
        from engine.__version__ import __version__

        return f"capctl {__version__}"
    require_terminal("capctl status")
    from dataclasses import replace

    from capctl.tui.launch import run_tui

    run_tui(replace(ctx, read_only=read_only or ctx.read_only))
    return None


def require_terminal(instead: str) -> None:
    """Refuse to draw a screen where there is none.

    Args:
        instead: The command that answers the same question in a script.

    Raises:
        InvalidInput: stdin or stdout is not a terminal.
    """
    # A driver of its own draws elsewhere: for `capctl web`, in a browser.
    if "TEXTUAL_DRIVER" in os.environ or (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    from engine.errors import InvalidInput

    raise InvalidInput("cli.no_terminal", "The control room needs a terminal", f"In a script, use '{instead}'.")


COMMAND = Operation(
    id="console.open",
    danger=Danger.READ,
    function=open_console,
    command=(),
    key="",
    streams=False,
    params=parameters(open_console),
)
