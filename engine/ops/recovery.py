"""Backup, restore and drills as operations use the room: paths as they were typed, keys as they are at hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine import recovery
from engine.audit import AuditEvent
from engine.errors import Held, InvalidInput
from engine.ops.results.backup import BackupList, Keygen, RestoreDrill, VerifiedBackup
from engine.recovery.staging import staging
from engine.trust.custody import custody_of, open_signer
from engine.trust.keyfile import KeyPurpose

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ports import Store
    from engine.trust.signer import Signer

_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""An RFC 7638 thumbprint: SHA-256 in base64url."""


def create_backup(ctx: EngineContext, to: str, recipients: Sequence[str]) -> recovery.BackupMade:
    """Make a backup; in a rehearsal, make it in a hidden folder and remove it. Raises as `recovery.create_backup`."""
    signer = _signer(ctx)
    if not ctx.rehearsing:
        return recovery.create_backup(ctx, Path(to), recipients, signer)
    with staging(ctx.settings.state_dir, "rehearsal") as folder:
        return recovery.create_backup(ctx, folder, recipients, signer)


def verify_backup(
    ctx: EngineContext, archive: str, manifest: str, identity: str, kids: Sequence[str]
) -> VerifiedBackup:
    """Check a backup as far as the identity, if one is given, allows. Raises as opening and restoring do."""
    opened = _open(ctx, archive, manifest, kids)
    if not identity:
        return VerifiedBackup(opened, "archive")
    identities = recovery.read_identities(Path(identity))
    with staging(opened.archive.absolute().parent, "verifying") as folder:
        recovery.restore_backup(ctx, opened, folder / "restored", identities)
    return VerifiedBackup(opened, "content")


def list_folder(ctx: EngineContext, folder: str, kids: Sequence[str]) -> BackupList:
    """List the backups of a folder. Raises Unavailable where it cannot be read."""
    return BackupList(recovery.list_backups(Path(folder), _trust(ctx, kids)))


def generate_keys(ctx: EngineContext, to: str) -> Keygen:
    """Make an identity in a new file; in a rehearsal, in one that does not stay. Raises as `generate_identity`."""
    path = Path(to)
    if not ctx.rehearsing:
        return Keygen(recovery.generate_identity(path), to)
    with staging(path.absolute().parent, "rehearsal") as folder:
        return Keygen(recovery.generate_identity(folder / path.name), to)


def restore_archive(
    ctx: EngineContext, archive: str, manifest: str, kids: Sequence[str], *, into: str, identity: str
) -> recovery.Restored:
    """Restore a backup and say so in the restored trail. Raises as opening and restoring do."""
    from engine.recovery.restore import check_empty

    target = Path(into).absolute()  # `.` has no name to put the hidden folder beside
    check_empty(target)
    identities = recovery.read_identities(Path(identity))
    opened = _open(ctx, archive, manifest, kids)

    def record(store: Store) -> None:
        event = AuditEvent("restore.run", "done", store.pseudonym(ctx.actor), evidence=opened.manifest_sha3)
        store.append_audit(event, at=ctx.clock.now())

    if not ctx.rehearsing:
        return recovery.restore_backup(ctx, opened, target, identities, finish=record)
    with staging(target.parent, "rehearsal") as folder:
        recovery.restore_backup(ctx, opened, folder / "restored", identities, finish=record)
    return recovery.Restored(target, opened)


def drill_restore(ctx: EngineContext, archive: str, identity: str, kids: Sequence[str]) -> RestoreDrill:
    """Run a restore drill and sign its report. Raises as `recovery.drill_restore`."""
    if bool(archive) != bool(identity):
        raise InvalidInput(
            "recovery.half_a_backup",
            "A kept backup is restored with its identity: --from and --identity go together",
            "Give both, or neither to have one made for the drill.",
        )
    kept = recovery.KeptBackup(Path(archive), Path(identity), _trust(ctx, kids)) if archive else None
    signer = _signer(ctx)
    report = recovery.drill_restore(ctx, signer, kept)
    return RestoreDrill(report, report.sealed(signer), signer.public_key.kid)


def _signer(ctx: EngineContext) -> Signer:
    """The backup key. A rehearsal makes none where there is none."""
    if not ctx.rehearsing:
        return open_signer(ctx, KeyPurpose.BACKUP)
    with ctx.store.rehearsal():
        return open_signer(ctx, KeyPurpose.BACKUP)


def _open(ctx: EngineContext, archive: str, manifest: str, kids: Sequence[str]) -> recovery.OpenedBackup:
    trust = _trust(ctx, kids)
    return recovery.open_backup(Path(archive), trust, manifest=Path(manifest) if manifest else None, emit=ctx.emit)


def _trust(ctx: EngineContext, kids: Sequence[str]) -> recovery.Trust:
    """Whose backups are believed: the keys that were named, else those of this environment."""
    if kids:
        if not all(map(_KID.fullmatch, kids)):
            raise InvalidInput(
                "recovery.kid_malformed",
                "What was given to --trust is no key id",
                "It has 43 letters, digits, - and _.",
            )
        return recovery.Trust(kids=frozenset(kids))
    keys = custody_of(ctx).accepted(KeyPurpose.BACKUP)
    if not keys:
        raise Held(
            "recovery.no_trust",
            "No backup key is known here, so no backup can be believed",
            "Give the key id that you noted elsewhere: --trust KID.",
        )
    return recovery.Trust(keys)
