"""One look at the control room: everything `status` prints and the screen draws, taken at one moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from engine.clock import to_rfc3339
from engine.drift.counts import Counts
from engine.drift.gate import GateReport
from engine.drift.sample import Explanation
from engine.rollout.codec import public_json
from engine.rollout.state import RolloutState


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """One verifier, as it last reported."""

    name: str
    age_s: float
    """Since its last report."""
    revision: int
    """The rollout revision it applies."""
    stale: bool
    """Silent for longer than the gate tolerates."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One transition, for people."""

    at: datetime
    actor: str
    action: str
    percent: float
    """Where it left the rollout."""
    reason: str
    revision: int
    break_glass: bool = False
    """Whether it passed a gate that was not open: somebody must review that."""


@dataclass(frozen=True, slots=True)
class ControlSnapshot:
    """The state of one policy's rollout and its evidence at one moment. Immutable; widgets and commands render it."""

    at: datetime
    env: str
    policy_id: str
    policy_hash: str
    """Empty when the policy is not published."""
    ir_hash: str
    """Of the published IR; empty when the policy is not published."""
    rollout: RolloutState | None
    """None when no rollout was ever started."""
    gate: GateReport | None
    """None without a rollout."""
    windows: Mapping[str, Counts]
    """Summed over the live replicas, by window name: `5m`, `15m`, `60m`."""
    step: Counts
    """Since the current step began, summed over all replicas."""
    requests_per_s: float
    p95_s: float | None
    """Of the last five minutes; None without traffic, infinite beyond the histogram."""
    error_ratio: float
    """5xx answers of the last five minutes / all answers."""
    replicas: tuple[ReplicaView, ...]
    explained: tuple[Explanation, ...]
    """The rules behind this step's drift and preview, most frequent first, at most ten; after a rollback, the rules
    behind the drift that was rolled back."""
    history: tuple[HistoryEntry, ...]
    """The last ten transitions, newest first."""
    source_age_s: float | None
    """Age of the newest report on the current step; None when there is none."""
    next_percent: float | None
    """Where `promote` would go; None when there is no next step."""
    problems: tuple[str, ...]
    """What is wrong or loud, one sentence each: break-glass, silent replicas, a missing policy."""
    source: str = "embedded"
    """Where the evidence was read: `embedded`, `scrape` or `prometheus`."""
    source_problem: str = ""
    """Why it could not be read; empty when it was. Every count here is then unknown, not zero."""

    def to_json(self) -> dict[str, Any]:
        """The snapshot as JSON data. Nothing in it is secret."""
        return {
            "at": to_rfc3339(self.at),
            "env": self.env,
            "policy_id": self.policy_id,
            "policy_hash": self.policy_hash,
            "ir_hash": self.ir_hash,
            "rollout": public_json(self.rollout) if self.rollout else None,
            "next_percent": self.next_percent,
            "gate": self.gate.to_json() if self.gate else None,
            "windows": {name: counts_to_json(counts) for name, counts in self.windows.items()},
            "step": counts_to_json(self.step),
            "requests_per_s": round(self.requests_per_s, 3),
            "p95_s": round(self.p95_s, 6) if self.p95_s is not None and math.isfinite(self.p95_s) else None,
            "error_ratio": self.error_ratio,
            "source": self.source,
            "source_problem": self.source_problem,
            "source_age_s": None if self.source_age_s is None else round(self.source_age_s, 3),
            "replicas": [{**asdict(replica), "age_s": round(replica.age_s, 3)} for replica in self.replicas],
            "explained": [asdict(explanation) for explanation in self.explained],
            "history": [{**asdict(entry), "at": to_rfc3339(entry.at)} for entry in self.history],
            "problems": list(self.problems),
        }


def counts_to_json(counts: Counts) -> dict[str, Any]:
    """Counts with the ratios people read off them."""
    return {
        **asdict(counts),
        "drift": counts.drift,
        "preview": counts.preview,
        "drift_ratio": counts.drift_ratio,
        "enforced_drift_ratio": counts.enforced_drift_ratio,
        "preview_drift_ratio": counts.preview_drift_ratio,
        "aa_floor": counts.aa_floor,
    }
