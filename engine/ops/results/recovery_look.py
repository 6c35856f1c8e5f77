"""What a screen about recovery looks at: the backups there are, what was shown of them, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.ops.results.audit import ShownRecord

if TYPE_CHECKING:
    from engine.recovery import DrillKind, KeptReport, ListedBackup


@dataclass(frozen=True, slots=True)
class BackupCheck:
    """What came of restoring a backup to look at it."""

    at: datetime
    ok: bool
    code: str = ""
    """Of the error, where it was refused."""


@dataclass(frozen=True, slots=True)
class SeenBackup:
    """A backup of the folder."""

    listed: ListedBackup
    path: str
    """Of its archive."""
    opens: bool
    """Whether it was made for an identity of this machine."""
    check: BackupCheck | None
    """The latest check or drill that looked into it; None where none is known."""

    @property
    def is_complete(self) -> bool:
        """Whether both its files are there and believed, as far as that shows without reading the archive."""
        return self.listed.state == "complete"

    @property
    def made_at(self) -> datetime | None:
        """When it was made; None where that is not believed."""
        return self.listed.manifest.created_at if self.listed.manifest else None


@dataclass(frozen=True, slots=True)
class RecoveryLook:
    """Backups and drills at one moment."""

    at: datetime
    folder: str
    is_beside: bool
    """Whether the folder lies in the state directory, so that both are lost together."""
    backups: tuple[SeenBackup, ...]
    """Newest first; those that are not believed last."""
    records: int
    """Records of the audit trail by now."""
    max_age_s: float
    """From this age on the newest backup is old."""
    recipients: tuple[str, ...]
    """To whom a new backup would be encrypted."""
    recipients_needed: int
    identity_path: str
    """Where the identity that opens backups on this machine lies, or would be made."""
    has_identity: bool
    is_rotating: bool
    """Whether the response key's rotation is under way, which keeps it from being rehearsed."""
    obstacle: EngineError | None
    """Why no backup can be made here now; None where one can."""
    drills: Mapping[DrillKind, KeptReport]
    """The last drill of each kind, by its signed report."""
    attempts: tuple[ShownRecord, ...]
    """The latest audit records about backups and drills, newest first."""

    @property
    def newest(self) -> SeenBackup | None:
        """The newest backup that is complete."""
        return next((backup for backup in self.backups if backup.is_complete), None)

    def records_since(self, backup: SeenBackup) -> int:
        """Audit records that were made since a backup: they would be lost."""
        manifest = backup.listed.manifest
        return max(0, self.records - manifest.audit.size) if manifest else self.records
