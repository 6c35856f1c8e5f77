"""`capctl serve`: the verifier, in the foreground."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, Operation, parameters

if TYPE_CHECKING:
    from engine.context import EngineContext

HIGHEST_PORT: Final = 65_535


def run_verifier(
    ctx: "EngineContext",
    *,
    host: Annotated[str, Arg("Address to listen on.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, Arg("Port to listen on; 0 takes a free one and prints it.")] = 8080,
    replica: Annotated[
        str, Arg("Stable name of this replica, under which its evidence is kept.", metavar="NAME")
    ] = "local",
    workers: Annotated[int, Arg("Processes that share the address; SIGHUP renews them one by one.", metavar="N")] = 1,
    drift_gate: Annotated[bool, Arg("Let /readyz say no while a gate is closed.")] = False,
) -> None:
    """Run the verifier API until Ctrl-C or SIGTERM."""
    from engine.errors import InvalidInput
    from engine.verifier import serve, serve_workers

    if not 0 <= port <= HIGHEST_PORT:
        raise InvalidInput("serve.port", f"{port} is no port", f"Give a --port from 1 to {HIGHEST_PORT}, or 0.")
    if workers == 1:
        serve(ctx.settings, host=host, port=port, replica=replica, drift_gate=drift_gate)
    else:
        serve_workers(ctx.settings, workers=workers, host=host, port=port, replica=replica, drift_gate=drift_gate)


COMMAND = Operation(
    id="serve.run",
    danger=Danger.READ,
    function=run_verifier,
    command=("serve",),
    key="",
    streams=False,
    params=parameters(run_verifier),
)
