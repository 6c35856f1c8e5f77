"""`capctl demo`: the embedded world, on the screen or as a script."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from engine.ops.spec import Arg, Danger, Operation, parameters

if TYPE_CHECKING:
    from engine.context import EngineContext


def run_demo(
    ctx: "EngineContext",
    headless: Annotated[bool, Arg("No screen: one JSON line per event on stdout.")] = False,
    plan: Annotated[str, Arg("Percentages to go through.", metavar="0,25,100")] = "0,25,100",
    inject_drift: Annotated[bool, Arg("Switch to a drifting candidate on the way.")] = False,
    rate: Annotated[float, Arg("Requests per second, up to 2000.", metavar="N")] = 200.0,
    drift_max: Annotated[float, Arg("The gate's limit on drift, 0 to 1.", metavar="R")] = 0.005,
    port: Annotated[int, Arg("Port of the embedded verifier; 0 takes a free one.")] = 0,
    fresh: Annotated[bool, Arg("Begin again instead of going on where it stopped.")] = False,
) -> Iterator[Any] | None:
    """Run everything embedded: verifier, suppliers, policy, lists and traffic."""
    raise NotImplementedError


COMMAND = Operation(
    id="demo.run",
    danger=Danger.READ,
    function=run_demo,
    command=("demo",),
    key="",
    streams=True,
    params=parameters(run_demo),
)
