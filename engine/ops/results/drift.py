"""What the drift commands answer: parts of one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from engine.clock import to_rfc3339
from engine.drift.counts import Counts
from engine.drift.sample import Explanation
from engine.rollout.snapshot import ControlSnapshot, counts_to_json


@dataclass(frozen=True, slots=True)
class DriftView:
    """Drift over the windows and since the step began."""

    at: datetime
    policy_id: str
    windows: Mapping[str, Counts]
    step: Counts
    limit: float | None
    """The step's `drift_max_ratio`; None without a rollout."""
    source_age_s: float | None
    """Age of the newest report; None when there is none."""
    source: str
    """Where it was read: `embedded`, `scrape` or `prometheus`."""
    source_problem: str
    """Why it could not be read; empty when it was. Every count is then unknown, not zero."""

    @classmethod
    def of(cls, snapshot: ControlSnapshot) -> Self:
        """The drift in a snapshot."""
        gate = snapshot.gate
        limit = next((c.limit for c in gate.conditions if c.name == "window_5m"), None) if gate else None
        return cls(
            at=snapshot.at,
            policy_id=snapshot.policy_id,
            windows=snapshot.windows,
            step=snapshot.step,
            limit=limit,
            source_age_s=snapshot.source_age_s,
            source=snapshot.source,
            source_problem=snapshot.source_problem,
        )

    def to_json(self) -> dict[str, Any]:
        """The view as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "policy_id": self.policy_id,
            "drift_max_ratio": self.limit,
            "source": self.source,
            "source_problem": self.source_problem,
            "source_age_s": self.source_age_s,
            "windows": {name: counts_to_json(counts) for name, counts in self.windows.items()},
            "step": counts_to_json(self.step),
        }


@dataclass(frozen=True, slots=True)
class DriftExplanation:
    """The rules behind the drift of a step."""

    policy_id: str
    step: Counts
    explained: tuple[Explanation, ...]

    @classmethod
    def of(cls, snapshot: ControlSnapshot) -> Self:
        """What explains the drift in a snapshot."""
        return cls(snapshot.policy_id, snapshot.step, snapshot.explained)

    def to_json(self) -> dict[str, Any]:
        """The explanation as JSON data."""
        return {
            "policy_id": self.policy_id,
            "drift": self.step.drift,
            "preview": self.step.preview,
            "explained": [asdict(explanation) for explanation in self.explained],
        }
