"""Actions on the demonstration world, which `capctl demo` runs."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.demo import DemoAccess, RateSet
    from engine.ops.results.rollout import RolloutChanged


@operation("demo.inject", danger=Danger.WRITE, key="i")
def inject(
    ctx: "EngineContext", *, reason: Annotated[str, Arg("Why, for the history.")] = "demonstration"
) -> "RolloutChanged":
    """Switch to a drifting candidate: the gate closes and the rollout goes back by itself."""
    from engine.demo import inject_drift
    from engine.ops.results.rollout import RolloutChanged

    return RolloutChanged("candidate", inject_drift(ctx, reason=reason))


@operation("demo.env")
def env(ctx: "EngineContext") -> "DemoAccess":
    """Show how another terminal reaches the demonstration: eval "$(capctl demo env)" sets BASE, TOKEN and SAP_URL.

    SAP_CLIENT goes with SAP_URL; both are of the simulated SAP, and left out while it is not up.
    """
    from engine.demo.access import SAP_CLIENT, mint_token, read_sap, read_url
    from engine.errors import Refused
    from engine.ops.results.demo import DemoAccess
    from engine.verifier.auth.scopes import Scope

    if ctx.env != "demo":
        hint = "Start one with capctl demo and use it there."
        raise Refused("demo.not_here", f"{ctx.env} is not the demonstration", hint)
    url, state_dir = read_url(ctx.settings.state_dir), ctx.settings.state_dir
    token = mint_token(state_dir, ctx.clock, tuple(Scope), subject="developer", ttl_s=8 * 3600)
    return DemoAccess(url, token, read_sap(state_dir), SAP_CLIENT)


@operation("demo.rate", danger=Danger.WRITE, key="r")
def rate(
    ctx: "EngineContext",
    *,
    requests_per_s: Annotated[float, Arg("Requests per second, 0 to 2000.", positional=True, metavar="RATE")],
) -> "RateSet":
    """Set how much traffic the demonstration makes."""
    from engine.demo import write_rate
    from engine.errors import NotFound, Refused
    from engine.ops.results.demo import RateSet

    if ctx.env != "demo":
        hint = "Start one with capctl demo and use it there."
        raise Refused("demo.not_here", f"{ctx.env} is not the demonstration", hint)
    if not ctx.store.rollouts():
        raise NotFound("demo.not_started", "No demonstration was ever started here", "Start one: capctl demo.")
    write_rate(ctx.settings.state_dir, requests_per_s)
    return RateSet(requests_per_s)
