"""Backups that can be trusted, restores that are whole or nothing, and the drills that show both.

    made = create_backup(ctx, folder, recipients, signer)
    opened = open_backup(archive, trust)                     # signature and ciphertext checked, nothing decrypted
    restored = restore_backup(opened, target, identities, ctx)

A backup is two files: an archive (tar, zstd, age) that only holders of an identity can read, and beside it a manifest
that says what is in it and that only a holder of the backup key can have signed. Encryption says nothing about who
encrypted: whoever knows a recipient can make an archive, so nothing is decrypted before the manifest has spoken for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.recovery.backup import BackupMade, create_backup
    from engine.recovery.drill import DrillReport, KeptBackup, drill_restore
    from engine.recovery.encryption import generate_identity, read_identities, recipient_of
    from engine.recovery.listing import ListedBackup, list_backups
    from engine.recovery.manifest import Manifest
    from engine.recovery.opening import OpenedBackup, open_backup
    from engine.recovery.reports import DrillKind, KeptReport, keep_report, last_report
    from engine.recovery.restore import Restored, restore_backup
    from engine.recovery.rotation_drill import RotationReport, drill_rotation
    from engine.recovery.trust import Trust

__all__ = [
    "BackupMade",
    "DrillKind",
    "DrillReport",
    "KeptBackup",
    "KeptReport",
    "ListedBackup",
    "Manifest",
    "OpenedBackup",
    "Restored",
    "RotationReport",
    "Trust",
    "create_backup",
    "drill_restore",
    "drill_rotation",
    "generate_identity",
    "keep_report",
    "last_report",
    "list_backups",
    "open_backup",
    "read_identities",
    "recipient_of",
    "restore_backup",
]

__getattr__ = lazy_face(
    __name__,
    {
        "BackupMade": "backup",
        "DrillKind": "reports",
        "DrillReport": "drill",
        "KeptBackup": "drill",
        "KeptReport": "reports",
        "ListedBackup": "listing",
        "Manifest": "manifest",
        "OpenedBackup": "opening",
        "Restored": "restore",
        "RotationReport": "rotation_drill",
        "Trust": "trust",
        "create_backup": "backup",
        "drill_restore": "drill",
        "drill_rotation": "rotation_drill",
        "generate_identity": "encryption",
        "keep_report": "reports",
        "last_report": "reports",
        "list_backups": "listing",
        "open_backup": "opening",
        "read_identities": "encryption",
        "recipient_of": "encryption",
        "restore_backup": "restore",
    },
)
