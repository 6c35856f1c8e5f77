"""Actions on the demonstration world, which `capctl demo` runs."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.demo import RateSet
    from engine.ops.results.rollout import RolloutChanged


@operation("demo.inject", danger=Danger.WRITE, key="i")
def inject(
    ctx: "EngineContext", *, reason: Annotated[str, Arg("Why, for the history.")] = "demonstration"
) -> "RolloutChanged":
    """Switch the demonstration to a drifting candidate: the gate closes and the rollout goes back by itself."""
    from engine.ops.demonstration import inject_drift

    return inject_drift(ctx, reason=reason)


@operation("demo.rate", danger=Danger.WRITE, key="r")
def rate(
    ctx: "EngineContext",
    *,
    requests_per_s: Annotated[float, Arg("Requests per second, 0 to 2000.", positional=True, metavar="RATE")],
) -> "RateSet":
    """Set how much traffic the demonstration makes."""
    from engine.ops.demonstration import set_rate

    return set_rate(ctx, requests_per_s)
