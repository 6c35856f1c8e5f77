"""What the commands about backups answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from engine.recovery import DrillReport, ListedBackup, OpenedBackup, RotationReport


@dataclass(frozen=True, slots=True)
class VerifiedBackup:
    """A backup that is what was signed."""

    opened: OpenedBackup
    depth: Literal["archive", "content"]
    """How far it was looked at: `archive`, its bytes; `content`, restored and read through."""

    def to_json(self) -> dict[str, Any]:
        """The backup as JSON data."""
        from engine.recovery.backup import summary

        return {
            "ok": True,
            "depth": self.depth,
            "archive": str(self.opened.archive),
            "manifest_sha3": self.opened.manifest_sha3,
            **summary(self.opened.manifest),
        }


@dataclass(frozen=True, slots=True)
class BackupList:
    """The backups of a folder."""

    backups: tuple[ListedBackup, ...]

    def to_json(self) -> dict[str, Any]:
        """The list as JSON data."""
        return {"backups": [backup.to_json() for backup in self.backups]}


@dataclass(frozen=True, slots=True)
class Keygen:
    """A pair of keys for backups, of which only the public half is shown."""

    recipient: str
    identity_file: str

    def to_json(self) -> dict[str, Any]:
        """The recipient as JSON data."""
        return {"recipient": self.recipient, "identity_file": self.identity_file}


@dataclass(frozen=True, slots=True)
class RestoreDrill:
    """A restore drill and its signed report."""

    report: DrillReport
    document: bytes
    """The report as a DSSE envelope."""
    signed_by: str
    """The id of the key that signed it."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when anything differs."""
        return self.report.answer

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {**self.report.to_json(), "signed_by": self.signed_by}


@dataclass(frozen=True, slots=True)
class RotationDrill:
    """A rotation drill and its signed report."""

    report: RotationReport
    document: bytes
    """The report as a DSSE envelope."""
    signed_by: str
    """The id of the key that signed it."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when a caller was refused, or the old key was not."""
        return self.report.answer

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {**self.report.to_json(), "signed_by": self.signed_by}
