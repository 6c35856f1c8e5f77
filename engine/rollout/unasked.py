"""A source of evidence for who cannot wait for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from engine.errors import Unavailable

if TYPE_CHECKING:
    from engine.rollout.state import RolloutState


class UnaskedSource:
    """Stands for a source on the network where going back must wait for nobody; it has no evidence.

    Args:
        name: Of the source that is not asked.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def evidence_of(self, state: RolloutState) -> NoReturn:
        """Raise Unavailable: nobody was asked."""
        raise Unavailable(
            "rollout.not_asked",
            f"{self.name} was not asked about {state.policy_id}: rolling back waits for nothing",
            "Look afterwards: capctl drift show.",
        )
