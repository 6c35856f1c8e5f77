"""`capctl web`: the control room in a browser."""

import sys
from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, Operation, parameters

if TYPE_CHECKING:
    from engine.context import EngineContext

HIGHEST_PORT: Final = 65_535


def open_web(
    ctx: "EngineContext",
    *,
    port: Annotated[int, Arg("Port on the loopback; nobody else can reach it.")] = 8090,
    allow_changes: Annotated[bool, Arg("Let the browser change things; without it one can only look.")] = False,
) -> None:
    """Show the control room in a browser on this machine, to look at, until Ctrl-C."""
    import shlex

    from engine.errors import InvalidInput, Unavailable

    if not 1 <= port <= HIGHEST_PORT:
        raise InvalidInput("web.port", f"{port} is no port", f"Give a --port from 1 to {HIGHEST_PORT}.")
    try:
        from capctl.web.server import ConsoleServer
    except ModuleNotFoundError:
        raise Unavailable(
            "web.not_installed", "What shows a terminal in a browser is not installed", "pip install 'capctl[web]'"
        ) from None
    looking = [] if allow_changes and not ctx.read_only else ["--read-only"]
    command = [sys.executable, "-m", "capctl", "--env", ctx.env, *looking]
    ConsoleServer(shlex.join(command), port=port, title=f"capctl {ctx.env}").serve()


COMMAND = Operation(
    id="web.open",
    danger=Danger.READ,
    function=open_web,
    command=("web",),
    key="",
    streams=False,
    params=parameters(open_web),
)
