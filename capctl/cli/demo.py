"""`capctl demo`: the embedded world, on the screen or as a script."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from capctl.cli.console import require_terminal
from engine.ops.spec import Arg, Danger, Operation, parameters

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.demo import DemoEvent


def run_demo(
    ctx: "EngineContext",
    *,
    headless: Annotated[bool, Arg("No screen: one JSON line per event. Exit code 3 when the gate closes.")] = False,
    plan: Annotated[str, Arg("Percentages to go through.", metavar="LIST")] = "0,25,100",
    inject_drift: Annotated[bool, Arg("Switch to a drifting candidate on the way.")] = False,
    rate: Annotated[float | None, Arg("Requests per second, 0 to 2000; 200 at first.", metavar="N")] = None,
    drift_max: Annotated[float, Arg("The gate's limit on drift, 0 to 1.", metavar="R")] = 0.005,
    fresh: Annotated[bool, Arg("Begin again instead of going on where it stopped.")] = False,
    state: Annotated[str | None, Arg("Folder to keep it in, below the usual one without.", metavar="DIR")] = None,
    port: Annotated[int, Arg("Port of the embedded verifier; 0 takes a free one.")] = 0,
) -> "Iterator[DemoEvent] | None":
    """Run everything embedded: verifier, suppliers, policy, lists and traffic.

    It persists: the next run goes on where this one stopped. Other commands reach it with --env demo.
    """
    from pathlib import Path

    from engine.demo import run_script
    from engine.demo.seed import demo_plan
    from engine.ops.demo_world import demo_world

    folder = Path(state) if state else ctx.settings.state_dir
    if headless:
        return run_script(
            folder,
            plan=plan,
            inject_drift=inject_drift,
            rate=rate,
            drift_max=drift_max,
            port=port,
            fresh=fresh,
            settings=ctx.settings,
            actor=ctx.actor,
            clock=ctx.clock,
        )
    require_terminal("capctl demo --headless")
    from capctl.tui.launch import run_tui

    steps = demo_plan(plan, drift_max=drift_max)
    with demo_world(ctx, folder, plan=steps, rate=rate, port=port, fresh=fresh, at_once=False) as world:
        if inject_drift:
            world.inject_drift()
        run_tui(world.ctx, demo=world)
    return None


COMMAND = Operation(
    id="demo.run",
    danger=Danger.READ,
    function=run_demo,
    command=("demo",),
    key="",
    streams=True,
    params=parameters(run_demo),
)
