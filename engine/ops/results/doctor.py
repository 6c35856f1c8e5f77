"""What the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Health = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    """Stable: `python`, `store`, `disk`, ..."""
    health: Health
    """`warn` is worth knowing and stops nobody; `fail` must be mended before a cutover."""
    found: str
    """What is so, in one line."""
    fix: str = ""
    """What to do about it; empty when nothing needs doing."""

    def to_json(self) -> dict[str, str]:
        """The check as JSON data."""
        return {"name": self.name, "health": self.health, "found": self.found, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was looked at."""

    env: str
    checks: tuple[Check, ...]

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when a check failed."""
        return "no" if any(check.health == "fail" for check in self.checks) else "yes"

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as JSON data."""
        return {"env": self.env, "ok": self.answer == "yes", "checks": [check.to_json() for check in self.checks]}
