"""A source that knows when it was last answered, so that a screen can say for how long nothing has been known."""

from __future__ import annotations

from collections.abc import Sequence

from engine.clock import Clock
from engine.drift.sample import ReplicaSample
from engine.drift.wording import duration
from engine.errors import Unavailable
from engine.ports import DriftSource
from engine.rollout.state import RolloutState


class AttendedSource:
    """Asks another source and keeps in mind when it last answered.

    Args:
        source: The source.
        clock: Monotonic time.
    """

    def __init__(self, source: DriftSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._answered_s: float | None = None

    @property
    def name(self) -> str:
        """The source's own."""
        return self._source.name

    def evidence_of(self, state: RolloutState) -> Sequence[ReplicaSample]:
        try:
            found = self._source.evidence_of(state)
        except Unavailable as error:
            if self._answered_s is None:
                raise
            silent = duration(self._clock.monotonic() - self._answered_s)
            raise Unavailable(error.code, f"{error.message} (last answer {silent} ago)", error.hint) from error
        self._answered_s = self._clock.monotonic()
        return found
