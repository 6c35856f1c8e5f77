"""The last sample of a screen's own source, and whether it may still be shown as current."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from engine.errors import EngineError

MISSED_SAMPLES: Final = 3
"""After so many missed samples data are stale."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known from one source."""

    interval_s: float
    """Pause between two samples."""
    snapshot: Any = None
    """The last good sample, an immutable value; None before the first."""
    received_s: float = 0.0
    """Monotonic time of its arrival."""
    failure: EngineError | None = None
    """Why the latest sample could not be taken; None after a good one."""

    def taken(self, snapshot: Any, at_s: float) -> Reading:
        """The reading after a good sample."""
        return replace(self, snapshot=snapshot, received_s=at_s, failure=None)

    def failed(self, error: EngineError) -> Reading:
        """The reading after a failed sample: the old one stays, and grows old."""
        return replace(self, failure=error)

    def age_s(self, now_s: float) -> float | None:
        """Since the last good sample; None before the first."""
        return None if self.snapshot is None else max(0.0, now_s - self.received_s)

    def is_stale(self, now_s: float) -> bool:
        """Whether the sample is too old to be shown as current."""
        age = self.age_s(now_s)
        return age is not None and age > MISSED_SAMPLES * self.interval_s
