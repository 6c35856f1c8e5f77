"""What the policy commands answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.clock import to_rfc3339
from engine.policy.diff import PolicyDiff
from engine.policy.findings import Finding, LintReport
from engine.policy.ir import PolicyIR
from engine.ports import PublishedPolicy


@dataclass(frozen=True, slots=True)
class LintResult:
    """What was found in each file."""

    reports: tuple[LintReport, ...]

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when a file has errors."""
        return "yes" if all(report.ok for report in self.reports) else "no"

    def to_json(self) -> dict[str, Any]:
        """The reports as JSON data."""
        return {"ok": self.answer == "yes", "files": [report.to_json() for report in self.reports]}


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy that was compiled, from what, and what was found on the way."""

    ir: PolicyIR
    source: bytes
    report: LintReport

    @property
    def document(self) -> bytes:
        """The canonical IR; no newline, because its bytes are what is hashed and compared."""
        return self.ir.canonical

    def to_json(self) -> dict[str, Any]:
        """The IR and what was found as JSON data."""
        return {
            "policy_id": self.ir.policy_id,
            "policy_hash": self.ir.policy_hash,
            "ir_hash": self.ir.ir_hash,
            "ir": self.ir.to_json(),
            "findings": [finding.to_json() for finding in self.report.findings],
        }


@dataclass(frozen=True, slots=True)
class PublishResult:
    """A policy that stands published."""

    policy: PublishedPolicy
    warnings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """The publication as JSON data."""
        return {
            "policy_id": self.policy.policy_id,
            "policy_hash": self.policy.policy_hash,
            "ir_hash": self.policy.ir_hash,
            "published_at": to_rfc3339(self.policy.published_at),
            "warnings": [finding.to_json() for finding in self.warnings],
        }


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """A policy, and the YAML it was made from where that was asked for."""

    ir: PolicyIR
    source: bytes | None

    @property
    def document(self) -> bytes:
        """The YAML where it was asked for, else the canonical IR."""
        return self.ir.canonical if self.source is None else self.source

    def to_json(self) -> dict[str, Any]:
        """The IR document, or the source as text beside its hashes."""
        if self.source is None:
            return self.ir.to_json()
        text = self.source.decode("utf-8", "replace")
        return {"policy_id": self.ir.policy_id, "policy_hash": self.ir.policy_hash, "source": text}


@dataclass(frozen=True, slots=True)
class ListedPolicy:
    """A policy in a list."""

    policy_id: str
    policy_hash: str
    ir_hash: str
    published_at: datetime | None
    """None: shipped with capctl, not published here."""

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON data."""
        return {
            "policy_id": self.policy_id,
            "policy_hash": self.policy_hash,
            "ir_hash": self.ir_hash,
            "published_at": to_rfc3339(self.published_at) if self.published_at else None,
        }


@dataclass(frozen=True, slots=True)
class PolicyList:
    """Every policy that can be named by its id."""

    policies: tuple[ListedPolicy, ...]

    def to_json(self) -> dict[str, Any]:
        """The list as JSON data."""
        return {"policies": [policy.to_json() for policy in self.policies]}


@dataclass(frozen=True, slots=True)
class PolicyChanges:
    """Two policies and what differs."""

    before: PolicyIR
    after: PolicyIR
    diff: PolicyDiff

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON data."""
        return {
            "policies": [self.before.policy_id, self.after.policy_id],
            **self.diff.to_json(),
        }
