"""What the console knows at this moment: the last sample, how old it is, and what went wrong since.

A value: the app makes a new one with every sample, failure and tick, and every widget draws from it. It is the one
place that decides whether data may still be shown as current.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from capctl.tui.activities import Activities
from capctl.tui.reading import MISSED_SAMPLES, Reading
from engine.drift.fleet import MAX_AGE_S
from engine.drift.gate import Answer, GateReport, GateSettings
from engine.errors import EngineError
from engine.rollout.snapshot import ControlSnapshot
from engine.rollout.state import RolloutState
from engine.rollout.transitions import current_step

TRACE_LENGTH: Final = 240
"""Samples kept for the trace: eight minutes at one every two seconds."""


@dataclass(frozen=True, slots=True)
class ConsoleState:
    """Everything the screens draw."""

    env: str
    interval_s: float
    """Pause between samples."""
    now: datetime
    monotonic_s: float
    read_only: bool = False
    snapshot: ControlSnapshot | None = None
    received_s: float = 0.0
    """When the snapshot arrived, on the monotonic clock."""
    failure: EngineError | None = None
    """Why the last sample failed; None after a good one."""
    trace: tuple[float | None, ...] = ()
    """The five-minute ratio of the gate's basis with each sample, oldest first; None where there was none."""

    activities: Activities = ()
    """What this console has done and is doing, oldest first."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    """The last sample of each screen that takes its own, by the screen's name."""

    def reading(self, screen: str) -> Reading:
        """The last sample of a screen; an empty one before the first."""
        return self.readings.get(screen, Reading(self.interval_s))

    def with_reading(self, screen: str, reading: Reading) -> ConsoleState:
        """The state after a screen's own sample, or its failure."""
        return replace(self, readings={**self.readings, screen: reading})

    def with_snapshot(self, snapshot: ControlSnapshot) -> ConsoleState:
        """The state after a good sample."""
        trace = (*self.trace, traced_ratio(snapshot))[-TRACE_LENGTH:]
        return replace(self, snapshot=snapshot, received_s=self.monotonic_s, failure=None, trace=trace)

    def with_failure(self, error: EngineError) -> ConsoleState:
        """The state after a failed sample: the old snapshot stays, and grows old."""
        return replace(self, failure=error)

    def at(self, now: datetime, monotonic_s: float) -> ConsoleState:
        """The state as it is at another moment."""
        return replace(self, now=now, monotonic_s=monotonic_s)

    @property
    def patience_s(self) -> float:
        """Age from which data are stale."""
        return MISSED_SAMPLES * self.interval_s

    @property
    def evidence_patience_s(self) -> float:
        """Age from which evidence is stale.

        A source is renewed at its own pace (a scrape every 15 or 30 s is usual): there, the age from which the gate
        holds.
        """
        embedded = self.snapshot is None or self.snapshot.source == "embedded"
        return self.patience_s if embedded else max(self.patience_s, MAX_AGE_S)

    @property
    def sample_age_s(self) -> float | None:
        """Since the last good sample; None before the first."""
        return None if self.snapshot is None else max(0.0, self.monotonic_s - self.received_s)

    @property
    def lost(self) -> bool:
        """The store itself no longer answers: not even where the rollout stands is known."""
        return self.sample_age_s is not None and self.sample_age_s > self.patience_s

    @property
    def evidence_age_s(self) -> float | None:
        """Age of the newest measurement; None when no verifier has reported on this step."""
        if self.snapshot is None or self.snapshot.source_age_s is None or self.sample_age_s is None:
            return None
        return self.snapshot.source_age_s + self.sample_age_s

    @property
    def stale(self) -> bool:
        """Measurements are too old to be shown as current."""
        return self.lost or (self.evidence_age_s is not None and self.evidence_age_s > self.evidence_patience_s)

    @property
    def measured(self) -> bool:
        """There are measurements, and they are current."""
        return self.evidence_age_s is not None and not self.stale

    @property
    def rollout(self) -> RolloutState | None:
        """Where the rollout stands, as last known."""
        return self.snapshot.rollout if self.snapshot else None

    @property
    def gate(self) -> GateReport | None:
        """The gate's report, as last known."""
        return self.snapshot.gate if self.snapshot else None

    @property
    def answer(self) -> Answer | None:
        """The gate's answer that may be acted on; None when there is none or it is stale."""
        return self.gate.answer if self.gate and not self.stale else None

    @property
    def limits(self) -> GateSettings:
        """The limits of the current step."""
        rollout = self.rollout
        return current_step(rollout).gate if rollout else GateSettings()


def traced_ratio(snapshot: ControlSnapshot) -> float | None:
    """The five-minute ratio that the gate rests on: enforced drift, or preview drift while nothing is enforced."""
    counts = snapshot.windows.get("5m")
    if counts is None or snapshot.rollout is None:
        return None
    if snapshot.rollout.basis_points == 0:
        return counts.preview_drift_ratio if counts.not_applied else None
    return counts.enforced_drift_ratio if counts.enforced else None
