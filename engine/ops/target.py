"""Which policy a command means when it names none."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.context import EngineContext

USUAL_POLICY: Final = "lksg.v1"


def policy_id(ctx: "EngineContext", given: str | None) -> str:
    """The policy that is meant: the given one, the configured one, the only one there is, else `lksg.v1`.

    "There is" means a rollout, or failing that a published policy.
    """
    if given:
        return given
    if ctx.settings.policy:
        return ctx.settings.policy
    known = {state.policy_id for state in ctx.store.rollouts()} or {p.policy_id for p in ctx.store.policies()}
    return known.pop() if len(known) == 1 else USUAL_POLICY
