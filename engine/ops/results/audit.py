"""What the audit commands answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.audit import AuditRecord


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A record with what the registry's private tables say about it."""

    record: AuditRecord
    actor: str
    """The name behind the pseudonym, else the pseudonym."""
    reason: str | None
    """What the actor gave as the reason; empty where none was given, None where only its hash is known."""

    def to_json(self) -> dict[str, Any]:
        """The recorded line as JSON data, the name and the reason under names of their own."""
        return {**self.record.to_json(), "actor_name": self.actor, "reason_text": self.reason}


@dataclass(frozen=True, slots=True)
class Trail:
    """A part of the audit trail."""

    records: tuple[ShownRecord, ...]
    """Newest first."""
    size: int
    """Records in the whole trail."""
    is_cut: bool
    """Whether older records match as well."""

    def to_json(self) -> dict[str, Any]:
        """The part as JSON data."""
        return {
            "records": [shown.to_json() for shown in self.records],
            "size": self.size,
            "is_cut": self.is_cut,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    position: int | None
    """Number of the record, or of the first of them; None where it is about no record."""
    place: str
    """`record 17`, `checkpoint 3`, in words."""
    problem: str

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON data."""
        return {"position": self.position, "place": self.place, "problem": self.problem}


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification has shown."""

    subject: Literal["registry", "export", "proof"]
    origin: str
    """The trail's name; empty where that is not known."""
    records: int
    """Records that were read; for a proof, those of the tree."""
    covered: int
    """Records that are as a signed checkpoint says."""
    checkpoints: int
    """Checkpoints whose signature is good."""
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()
    """What does not speak against the trail and ought to be known."""
    record: AuditRecord | None = None
    """The record that a proof is about."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when anything is wrong."""
        return "no" if self.findings else "yes"

    def to_json(self) -> dict[str, Any]:
        """The verification as JSON data."""
        return {
            "ok": self.answer == "yes",
            "subject": self.subject,
            "origin": self.origin,
            "records": self.records,
            "covered": self.covered,
            "checkpoints": self.checkpoints,
            "findings": [finding.to_json() for finding in self.findings],
            "remarks": list(self.remarks),
            "record": self.record.to_json() if self.record else None,
        }


@dataclass(frozen=True, slots=True)
class Export:
    """The whole trail as a document."""

    origin: str
    records: int
    covered: int
    """Records that its checkpoint covers."""
    document: bytes

    def to_json(self) -> dict[str, Any]:
        """What the export holds, as JSON data."""
        return {"origin": self.origin, "records": self.records, "covered": self.covered, "bytes": len(self.document)}


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of a record as a document."""

    record: AuditRecord
    size: int
    """Records that the checkpoint covers to which it leads."""
    document: bytes

    def to_json(self) -> dict[str, Any]:
        """What is proven, as JSON data."""
        return {"record": self.record.to_json(), "size": self.size, "bytes": len(self.document)}


@dataclass(frozen=True, slots=True)
class CheckpointMade:
    """A checkpoint, just signed or as it stood."""

    origin: str
    size: int
    root: str
    """In hexadecimal digits."""
    key: str
    """The verifier key to check it with."""
    note: str

    @property
    def document(self) -> bytes:
        """The signed note."""
        return self.note.encode()

    def to_json(self) -> dict[str, Any]:
        """The checkpoint as JSON data."""
        return {
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "key": self.key,
            "checkpoint": self.note,
        }
