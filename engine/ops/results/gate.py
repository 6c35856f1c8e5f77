"""What `gate check` answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from engine.drift.report import Answer, GateReport

ANSWERS: Final[dict[Answer, Literal["yes", "no", "hold"]]] = {
    Answer.OPEN: "yes",
    Answer.CLOSED: "no",
    Answer.HOLD: "hold",
}


@dataclass(frozen=True, slots=True)
class GateCheck:
    """A gate's report, and whose gate it is."""

    policy_id: str
    env: str
    report: GateReport

    @property
    def answer(self) -> Literal["yes", "no", "hold"]:
        """The gate's answer as every operation gives one."""
        return ANSWERS[self.report.answer]

    def to_json(self) -> dict[str, Any]:
        """The check as JSON data."""
        return {"policy_id": self.policy_id, "env": self.env, **self.report.to_json()}
