"""What a verifier process holds in memory: windows, the step's evidence, traffic, and what explains the drift.

The hot path is one lock, one increment and one comparison. The step's counts are what the windows ever counted for the
policy, less what they had counted when the step began, less what was decided for another step meanwhile.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from engine.decision.verdict import Decision, Drift
from engine.drift.counts import Counts
from engine.drift.sample import WINDOWS, Explanation, ReplicaSample, Traffic
from engine.drift.traffic import TrafficCounter, since
from engine.drift.windows import EVENT_KINDS, SELF_CHECK, SELF_MISMATCH, DriftWindows, counts_of, event_kind

RATE_WINDOW_S: Final = 10.0
MAX_EXPLANATIONS: Final = 256
"""Distinct explanations kept a step; more than a policy's rules usually have. Later ones are not counted."""
REPORTED_EXPLANATIONS: Final = 20

_Reason = tuple[str, str, Drift, bool]
"""Rule id, reason code, direction, preview."""


class StepCounts(NamedTuple):
    """What a process itself has counted of a step: a counter that begins at 0 with the process, or with the step."""

    step_id: str
    counts: Counts
    traffic: Traffic


@dataclass(slots=True)
class _Step:
    """The evidence of one policy's current step, as this process counts it."""

    step_id: str
    revision: int
    mark: list[int]
    """Events by kind when the step began here."""
    traffic_mark: Traffic
    strays: list[int] = field(default_factory=lambda: [0] * EVENT_KINDS)
    """Events since then that were decided for another step."""
    resumed: Counts | None = None
    """What this replica had counted for the step before it was restarted; None unless it was."""
    resumed_traffic: Traffic = field(default_factory=Traffic)
    reasons: Counter[_Reason] = field(default_factory=Counter)
    seen: deque[tuple[float, int]] = field(default_factory=deque)
    """Requests ever counted, at past looks: what the rate is read from."""


class DriftRecorder:
    """Records decisions and answers; hands out samples. Thread-safe.

    Args:
        monotonic: The clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.windows: Final = DriftWindows(monotonic)
        self._monotonic = monotonic
        self._lock = self.windows.lock
        self._traffic = TrafficCounter(monotonic)
        self._steps: dict[str, _Step] = {}
        self._step_ids: dict[str, str] = {}

    def record(self, decision: Decision, *, step_id: str) -> None:
        """Count a decision.

        Args:
            decision: What was decided.
            step_id: The step it was decided for; empty without a rollout. A decision for a step that is over counts in
                the windows, not as evidence.
        """
        policy_id = decision.policy_id
        kind = event_kind(decision)
        self._lock.acquire()  # `with` costs twice as much, and this is the hot path
        try:
            self.windows.add(policy_id, kind)
            current = self._step_ids.get(policy_id) == step_id
            if not current:
                self._stray(policy_id, kind)
        finally:
            self._lock.release()
        if kind & 3 and current:
            self._explain(decision, step_id)

    def record_self_check(self, policy_id: str, *, agreed: bool, step_id: str) -> None:
        """Count a sampled check of the baseline against itself: the A/A floor."""
        with self._lock:
            for kind in (SELF_CHECK,) if agreed else (SELF_CHECK, SELF_MISMATCH):
                self.windows.add(policy_id, kind)
                if self._step_ids.get(policy_id) != step_id:
                    self._stray(policy_id, kind)

    def record_http(self, status: int, seconds: float) -> None:
        """Count an HTTP answer and how long it took."""
        with self._lock:
            self._traffic.add(status, seconds)

    def begin_step(self, policy_id: str, step_id: str, revision: int) -> None:
        """Say which step a policy's rollout is on. Evidence starts anew only when the step is another one."""
        self.windows.track(policy_id)
        with self._lock:
            step = self._steps.get(policy_id)
            if step is not None and step.step_id == step_id:
                step.revision = revision
                return
            ever = self.windows.ever(policy_id)
            begun = _Step(step_id, revision, ever, self._traffic.ever())
            begun.seen.append((self._monotonic(), _requests(ever)))
            self._steps[policy_id] = begun
            self._step_ids[policy_id] = step_id

    def end(self, policy_id: str) -> None:
        """Forget the step of a policy whose rollout is gone."""
        with self._lock:
            self._steps.pop(policy_id, None)
            self._step_ids.pop(policy_id, None)

    def resume(self, sample: ReplicaSample) -> bool:
        """Go on from what this replica last reported before it was restarted.

        Args:
            sample: Its last report. Another step's is ignored, and so is a second one: it would count itself again.

        Returns:
            Whether it was taken up.
        """
        with self._lock:
            step = self._steps.get(sample.policy_id)
            if step is None or step.step_id != sample.step_id or step.resumed is not None:
                return False
            step.resumed = sample.step
            step.resumed_traffic = sample.step_traffic
            for e in sample.explained:
                step.reasons[e.rule_id, e.reason, Drift(e.direction), e.preview] += e.count
            return True

    def samples(self, replica: str, at: datetime) -> list[ReplicaSample]:
        """What this replica has to report, one sample per policy under rollout.

        Args:
            replica: Its stable name.
            at: Now, wall time.
        """
        windows = {policy_id: self._windows_of(policy_id) for policy_id in tuple(self._step_ids)}
        with self._lock:
            recent, ever = self._traffic.recent(), self._traffic.ever()
            return [
                ReplicaSample(
                    replica=replica,
                    policy_id=policy_id,
                    step_id=step.step_id,
                    revision=step.revision,
                    at=at,
                    step=(step.resumed or Counts()) + self._counted(policy_id, step),
                    step_traffic=step.resumed_traffic + since(ever, step.traffic_mark),
                    windows=windows.get(policy_id, {}),
                    recent=recent,
                    requests_per_s=self._rate(policy_id, step),
                    explained=_top(step.reasons),
                )
                for policy_id, step in self._steps.items()
            ]

    def totals(self) -> Mapping[str, Counts]:
        """Decisions since the process began, per policy: what counters export."""
        policies = self.windows.policies()
        with self._lock:
            return {policy_id: counts_of(self.windows.ever(policy_id)) for policy_id in policies}

    def steps(self) -> Mapping[str, StepCounts]:
        """What this process has counted of each policy's current step, without what it resumed from before."""
        with self._lock:
            ever = self._traffic.ever()
            return {
                policy_id: StepCounts(step.step_id, self._counted(policy_id, step), since(ever, step.traffic_mark))
                for policy_id, step in self._steps.items()
            }

    def traffic(self) -> Traffic:
        """HTTP answers since the process began."""
        with self._lock:
            return self._traffic.ever()

    def _stray(self, policy_id: str, kind: int) -> None:
        step = self._steps.get(policy_id)
        if step is not None:
            step.strays[kind] += 1

    def _explain(self, decision: Decision, step_id: str) -> None:
        preview = not decision.applied
        direction = decision.preview if preview else decision.drift
        reasons: list[_Reason] = [(v.rule_id, v.reason, direction, preview) for v in decision.explain()]
        with self._lock:
            step = self._steps.get(decision.policy_id)
            if step is None or step.step_id != step_id:
                return
            for reason in reasons:
                if reason in step.reasons or len(step.reasons) < MAX_EXPLANATIONS:
                    step.reasons[reason] += 1

    def _windows_of(self, policy_id: str) -> dict[str, Counts]:
        return {window: self.windows.counts(window, policy_id) for window in WINDOWS}

    def _counted(self, policy_id: str, step: _Step) -> Counts:
        ever = self.windows.ever(policy_id)
        return counts_of([now - mark - stray for now, mark, stray in zip(ever, step.mark, step.strays, strict=True)])

    def _rate(self, policy_id: str, step: _Step) -> float:
        """Requests/s since the oldest look that is at most ten seconds old, or the last one before that."""
        now, requests = self._monotonic(), _requests(self.windows.ever(policy_id))
        while len(step.seen) > 1 and step.seen[1][0] <= now - RATE_WINDOW_S:
            step.seen.popleft()
        then, before = step.seen[0]
        if now - step.seen[-1][0] >= RATE_WINDOW_S / 40:
            step.seen.append((now, requests))
        return (requests - before) / (now - then) if now > then else 0.0


def _requests(events: Sequence[int]) -> int:
    return sum(events[:SELF_CHECK])


def _top(reasons: Counter[_Reason]) -> tuple[Explanation, ...]:
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:REPORTED_EXPLANATIONS]
    return tuple(Explanation(*reason[:2], reason[2].value, reason[3], count) for reason, count in ranked)
