"""What the commands of the SAP pilot answer. Nothing in here names a supplier but by its keyed hash."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from engine.canonical import canonical_json
from engine.clock import to_rfc3339

VERDICTS: Final = ("ok", "warn", "fail")


@dataclass(frozen=True, slots=True)
class RuleCount:
    """For how many suppliers a rule did not hold."""

    rule_id: str
    reason: str
    suppliers: int

    def to_json(self) -> dict[str, Any]:
        """The count as JSON data."""
        return {"rule_id": self.rule_id, "reason": self.reason, "suppliers": self.suppliers}


@dataclass(frozen=True, slots=True)
class SystemCheck:
    """A system that answers, and that the pilot gets along with."""

    system: str
    """Its host, or that it is the demonstration's own."""
    client: str
    suppliers: int | None
    """How many SAP counts; None where it does not say."""
    absent: tuple[str, ...]
    """Properties that this SAP does not have; rules that need them fail."""
    table: str
    """What verdicts are written to."""
    has_unique_key: bool
    """Whether the table's key keeps a row from being written twice."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when a write-back would refuse to start."""
        return "yes" if self.has_unique_key else "no"

    def to_json(self) -> dict[str, Any]:
        """The check as JSON data."""
        return {
            "system": self.system,
            "client": self.client,
            "suppliers": self.suppliers,
            "absent": list(self.absent),
            "table": self.table,
            "has_unique_key": self.has_unique_key,
        }


@dataclass(frozen=True, slots=True)
class PulledContext:
    """A context of suppliers from SAP."""

    context: dict[str, Any]
    context_hash: str
    key_id: str
    """Of the secret that its keyed hashes were made with."""
    absent: tuple[str, ...]
    """Properties that this SAP does not have; rules that need them fail."""
    lists: dict[str, str]
    """Reference lists it names: what for, and their names."""

    @property
    def count(self) -> int:
        """How many suppliers."""
        return len(self.context["suppliers"])

    @property
    def document(self) -> bytes:
        """The context in canonical JSON with a newline."""
        return canonical_json(self.context) + b"\n"

    def to_json(self) -> dict[str, Any]:
        """What was pulled, as JSON data; the context itself is the document."""
        return {
            "suppliers": self.count,
            "context_hash": self.context_hash,
            "key_id": self.key_id,
            "absent": list(self.absent),
            "lists": self.lists,
        }


@dataclass(frozen=True, slots=True)
class VerifiedContext:
    """A signed result about pulled suppliers."""

    result: dict[str, Any]
    """Verified: the signature was checked before anything was read from it."""
    document: bytes
    """The signed result as the verifier sent it."""
    verdicts: dict[str, int]
    """How many suppliers got which verdict."""
    violations: tuple[RuleCount, ...]

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when the verdict of the whole is fail."""
        return "no" if self.result["verdict"] == "fail" else "yes"

    def to_json(self) -> dict[str, Any]:
        """The result in short, as JSON data; the whole is the document."""
        names = ("verdict", "at", "policy_id", "policy_hash", "ir_hash", "context_hash", "manifest_hash", "kid")
        return {
            **{name: self.result[name] for name in names},
            "verdicts": self.verdicts,
            "violations": [count.to_json() for count in self.violations],
        }


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row that a dry run would write."""

    supplier: str
    """Its keyed hash."""
    status: str
    action: str
    """`create`, `overwrite`, or `none` where it is there already."""
    content: dict[str, str]
    """Every property of the row but its key, as it would be written."""

    def to_json(self) -> dict[str, Any]:
        """The row as JSON data."""
        return {"supplier": self.supplier, "status": self.status, "action": self.action, "content": self.content}


@dataclass(frozen=True, slots=True)
class WrittenBack:
    """A proven write-back, or the plan of one."""

    run_id: str
    total: int
    created: int
    """Rows sent by this call; the others were there already."""
    waits: int
    """How often SAP asked to wait, or failed."""
    waited_s: float
    evidence: dict[str, Any] = field(default_factory=dict)
    """What the audit record is the hash of; empty for a plan."""
    evidence_hash: str = ""
    planned: tuple[PlannedRow, ...] | None = None
    """What would be written; None when it was done."""

    @property
    def proof(self) -> str:
        """The proof in a line; it only exists where every row was read back, once, and equal."""
        return f"{self.total}/{self.total} written, 0 duplicates, read back and equal"

    def to_json(self) -> dict[str, Any]:
        """The write-back as JSON data."""
        if self.planned is not None:
            return {"run_id": self.run_id, "total": self.total, "planned": [row.to_json() for row in self.planned]}
        return {
            "run_id": self.run_id,
            "total": self.total,
            "confirmed": self.total,
            "created": self.created,
            "duplicates": 0,
            "proof": self.proof,
            "waits": self.waits,
            "waited_s": round(self.waited_s, 3),
            "evidence": self.evidence,
            "evidence_hash": self.evidence_hash,
        }


@dataclass(frozen=True, slots=True)
class PilotSnapshot:
    """One run at this moment: everything the Pilot screen shows."""

    run_id: str
    started_at: datetime
    stage: str
    """`writing` until everything was read back and equal, then `proven`."""
    total: int
    states: dict[str, int]
    """Rows by state: pending, sent, unknown, differs, confirmed."""
    verdicts: dict[str, int]
    violations: tuple[RuleCount, ...]
    faults: dict[str, int]
    """What SAP said to rows that are not confirmed."""
    proven_at: datetime | None
    evidence: dict[str, Any] | None

    @property
    def confirmed(self) -> int:
        """Rows read back and equal."""
        return self.states.get("confirmed", 0)

    def to_json(self) -> dict[str, Any]:
        """The snapshot as JSON data."""
        return {
            "run_id": self.run_id,
            "started_at": to_rfc3339(self.started_at),
            "stage": self.stage,
            "total": self.total,
            "confirmed": self.confirmed,
            "states": self.states,
            "verdicts": self.verdicts,
            "violations": [count.to_json() for count in self.violations],
            "faults": self.faults,
            "proven_at": to_rfc3339(self.proven_at) if self.proven_at else None,
            "evidence": self.evidence,
        }


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list of runs."""

    run_id: str
    started_at: datetime
    stage: str

    def to_json(self) -> dict[str, Any]:
        """The run as JSON data."""
        return {"run_id": self.run_id, "started_at": to_rfc3339(self.started_at), "stage": self.stage}


@dataclass(frozen=True, slots=True)
class PilotStatus:
    """One run in full, and the latest ones by name."""

    run: PilotSnapshot | None
    """None when there was none yet."""
    runs: tuple[RunSummary, ...]

    def to_json(self) -> dict[str, Any]:
        """The status as JSON data."""
        return {"run": self.run.to_json() if self.run else None, "runs": [run.to_json() for run in self.runs]}


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """The secrets after a rotation, by id."""

    key_id: str
    """Used from now on."""
    known: tuple[str, ...]
    """Every secret that results can still be written back under, oldest first."""

    def to_json(self) -> dict[str, Any]:
        """The ids as JSON data."""
        return {"key_id": self.key_id, "known": list(self.known)}
