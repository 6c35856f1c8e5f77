"""How many verifiers of a deployment are ready, asked again and again while something else happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from engine.errors import EngineError
from engine.ops.deploying import open_target

if TYPE_CHECKING:
    from engine.context import EngineContext

VERIFIERS: Final = {"kubernetes": ("Deployment/",), "local": ("Process/stable", "Process/canary")}
"""Which resources of a target are verifiers."""


def replica_count(ctx: EngineContext, target: str) -> Callable[[], int | None]:
    """A function that counts the ready verifiers of a target; None where it cannot tell.

    Raises:
        InvalidInput: There is no such target.
    """
    deployed = open_target(ctx, target)

    def count() -> int | None:
        try:
            resources = deployed.status().resources
        except EngineError:
            return None
        return sum(found.ready for found in resources if found.place.startswith(VERIFIERS[target]))

    return count
