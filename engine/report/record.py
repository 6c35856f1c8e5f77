"""What a report tells: data that was recorded elsewhere, in the order in which a reader asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.clock import to_rfc3339

FORMAT: Final = "capctl-report/v1"


@dataclass(frozen=True, slots=True)
class Change:
    """One transition of the rollout and the gate that it passed."""

    at: datetime
    actor: str
    """A pseudonym."""
    action: str
    percent: float
    gate: Mapping[str, Any] | None
    """The gate's report as JSON data; None where no gate was asked (going down asks none)."""
    break_glass: bool
    reason: str
    """Hash of the reason; empty where none was given."""

    @property
    def drift_ratio(self) -> float | None:
        """Mismatches / requests that the gate looked at; None where it looked at none."""
        if not self.gate or not self.gate.get("n"):
            return None
        return float(self.gate["mismatches"]) / float(self.gate["n"])

    @property
    def drift_limit(self) -> float | None:
        """The limit on drift; None where no gate was asked."""
        conditions = self.gate["conditions"] if self.gate else ()
        return next((float(each["limit"]) for each in conditions if each["name"] == "drift"), None)

    def to_json(self) -> dict[str, Any]:
        """The transition as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "actor": self.actor,
            "action": self.action,
            "percent": self.percent,
            "gate": dict(self.gate) if self.gate else None,
            "break_glass": self.break_glass,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """A smoke test, a canary watch or a load test."""

    kind: str
    at: datetime
    answer: str
    """`yes`, `no` or `hold`."""
    summary: str
    result: Mapping[str, Any]
    """As it was kept."""

    def to_json(self) -> dict[str, Any]:
        """The trial as JSON data."""
        return {"kind": self.kind, "at": to_rfc3339(self.at), "answer": self.answer, "result": dict(self.result)}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the evening's plan."""

    title: str
    state: str
    evidence: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One record of the audit trail."""

    seq: int
    at: datetime
    actor: str
    action: str
    outcome: str
    object: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Record:
    """Everything a report tells."""

    made_at: datetime
    env: str
    policy_id: str
    policy_hash: str
    ir_hash: str
    percent: float | None
    """What is enforced now; None where no rollout was ever started."""
    phase: str
    facts: tuple[tuple[str, str], ...]
    """What else the evening was held under, as name and value: keyring, readiness signature, checkpoint."""
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    """Oldest first."""
    trials: tuple[Trial, ...]
    """Oldest first."""
    trail: tuple[Line, ...]
    """Oldest first; the part that the report covers."""
    export: bytes
    """The signed export of the whole trail, which `capctl audit verify` checks; empty before the first checkpoint."""
    shortened: str = ""
    """What was shorter than in production; empty where nothing was."""

    def to_json(self) -> dict[str, Any]:
        """The record as JSON data."""
        return {
            "format": FORMAT,
            "made_at": to_rfc3339(self.made_at),
            "env": self.env,
            "policy": {"id": self.policy_id, "policy_hash": self.policy_hash, "ir_hash": self.ir_hash},
            "rollout": {"percent": self.percent, "phase": self.phase},
            "facts": dict(self.facts),
            "shortened": self.shortened,
            "steps": [
                {"title": step.title, "state": step.state, "evidence": step.evidence, "at": _time(step.at)}
                for step in self.steps
            ],
            "changes": [change.to_json() for change in self.changes],
            "trials": [trial.to_json() for trial in self.trials],
            "trail": [
                {"seq": line.seq, "at": to_rfc3339(line.at), "actor": line.actor, "action": line.action}
                | {"outcome": line.outcome, "object": line.object, "evidence": line.evidence}
                for line in self.trail
            ],
            "export": self.export.decode(),
        }


def clock_text(moment: datetime) -> str:
    """A time as a reader of a report sees it: UTC, to the second."""
    return to_rfc3339(moment.replace(microsecond=0)).replace("T", " ").removesuffix("Z")


def _time(moment: datetime | None) -> str | None:
    return to_rfc3339(moment) if moment else None
