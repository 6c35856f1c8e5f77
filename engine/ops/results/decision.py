"""What `replay` answers; `adapt` answers `engine.adaptation.Adaptation`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.decision.replay import ReplaySummary
from engine.policy.ir import PolicyIR


@dataclass(frozen=True, slots=True)
class Replay:
    """What a candidate would have changed over recorded contexts."""

    baseline: PolicyIR
    candidate: PolicyIR
    at: datetime
    summary: ReplaySummary

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when lines were not counted: a share of a part says little about the whole."""
        return "no" if self.summary.malformed else "yes"

    @property
    def document(self) -> bytes:
        """The canonical document with a newline: byte-identical however the work was divided."""
        return canonical_json(self.to_json()) + b"\n"

    def to_json(self) -> dict[str, Any]:
        """The replay as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "baseline": {"policy_id": self.baseline.policy_id, "ir_hash": self.baseline.ir_hash},
            "candidate": {"policy_id": self.candidate.policy_id, "ir_hash": self.candidate.ir_hash},
            **self.summary.to_json(),
        }
