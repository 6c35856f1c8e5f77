"""Backup, restore and drills as operations use the room: paths as they were typed, keys as they are at hand.

What is not named is what the settings say: the folder of the backups, their recipients, the identity that opens them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine import recovery
from engine.audit import AuditEvent
from engine.errors import Held, InvalidInput, NotFound, Refused
from engine.ids import hash_bytes
from engine.ops.results.backup import BackupList, Keygen, RestoreDrill, RotationDrill, VerifiedBackup
from engine.recovery.disk import told
from engine.recovery.encryption import WRONG_IDENTITY
from engine.recovery.opening import manifest_path, read_envelope
from engine.recovery.staging import staging
from engine.trust.custody import custody_of, open_signer
from engine.trust.keyfile import KeyPurpose

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ports import Store
    from engine.recovery.encryption import Identity
    from engine.settings import Settings
    from engine.trust.signer import Signer

_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
"""An RFC 7638 thumbprint: SHA-256 in base64url."""


def create_backup(ctx: EngineContext, to: str, recipients: Sequence[str]) -> recovery.BackupMade:
    """Make a backup; in a rehearsal, make it in a hidden folder and remove it. Raises as `recovery.create_backup`."""
    signer, chosen = _signer(ctx), tuple(recipients) or recipients_here(ctx.settings)
    if not ctx.rehearsing:
        return recovery.create_backup(ctx, Path(to) if to else _made(ctx.settings.backup_path), chosen, signer)
    with staging(ctx.settings.state_dir, "rehearsal") as folder:
        return recovery.create_backup(ctx, folder, chosen, signer)


def verify_backup(
    ctx: EngineContext, archive: str, manifest: str, identity: str, kids: Sequence[str]
) -> VerifiedBackup:
    """Check a backup as far as the identity at hand, if there is one, allows. Raises as opening and restoring do.

    Side effects: that it was refused, or that its content was read through, is noted in the audit trail.
    """
    evidence = hash_bytes(read_envelope(Path(manifest) if manifest else manifest_path(Path(archive))))
    with _refusal_noted(ctx, evidence):
        opened = _open(ctx, archive, manifest, kids)
    identities = _opening(ctx, opened, identity)
    if not identities:
        return VerifiedBackup(opened, "archive")
    with _refusal_noted(ctx, evidence), staging(opened.archive.absolute().parent, "verifying") as folder:
        recovery.restore_backup(ctx, opened, folder / "restored", identities)
    _note(ctx, evidence, "done")
    return VerifiedBackup(opened, "content")


def list_folder(ctx: EngineContext, folder: str, kids: Sequence[str]) -> BackupList:
    """List the backups of a folder. Raises Unavailable where it cannot be read."""
    trust = _trust(ctx, kids)
    if not folder and not ctx.settings.backup_path.exists():
        return BackupList(())
    return BackupList(recovery.list_backups(Path(folder) if folder else ctx.settings.backup_path, trust))


def generate_keys(ctx: EngineContext, to: str) -> Keygen:
    """Make an identity in a new file; in a rehearsal, in one that does not stay. Raises as `generate_identity`."""
    path = Path(to) if to else ctx.settings.backup_identity_path
    if not ctx.rehearsing:
        return Keygen(recovery.generate_identity(path), str(path))
    with staging(path.absolute().parent, "rehearsal") as folder:
        return Keygen(recovery.generate_identity(folder / path.name), str(path))


def restore_archive(
    ctx: EngineContext, archive: str, manifest: str, kids: Sequence[str], *, into: str, identity: str
) -> recovery.Restored:
    """Restore a backup and say so in the restored trail. Raises as opening and restoring do."""
    from engine.recovery.restore import check_empty

    target = Path(into).absolute()  # `.` has no name to put the hidden folder beside
    check_empty(target)
    identities = recovery.read_identities(Path(identity) if identity else _identity_file(ctx))
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
    """Run a restore drill, sign its report and keep it. Raises as `recovery.drill_restore` and `keep_report`."""
    if identity and not archive:
        raise InvalidInput(
            "recovery.half_a_backup",
            "An identity opens a kept backup, and none is named",
            "Name it with --from, or give neither to have one made for the drill.",
        )
    kept = _kept(ctx, archive, identity, kids) if archive else None
    signer = _signer(ctx)
    report = recovery.drill_restore(ctx, signer, kept)
    document = report.sealed(signer)
    if not ctx.rehearsing:
        recovery.keep_report(ctx.settings.drill_path, "restore", report.started_at, document)
    return RestoreDrill(report, document, signer.public_key.kid)


def recipients_here(settings: Settings) -> tuple[str, ...]:
    """To whom backups are encrypted when nobody is named; empty where neither the settings nor an identity tell.

    Raises:
        Refused: The identity file is open to other users.
        InvalidInput: It holds something else.
    """
    if settings.backup_recipients or not settings.backup_identity_path.exists():
        return settings.backup_recipients
    return tuple(map(recovery.recipient_of, recovery.read_identities(settings.backup_identity_path)))


def _made(folder: Path) -> Path:
    """The folder of the backups, which the first one makes."""
    with told("The folder of backups"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _identity_file(ctx: EngineContext) -> Path:
    path = ctx.settings.backup_identity_path
    if path.exists():
        return path
    raise NotFound(
        "recovery.no_identity",
        "No identity is named, and there is none where the settings look for it",
        "Give the file of one that the backup was made for: --identity FILE.",
    )


def _kept(ctx: EngineContext, archive: str, identity: str, kids: Sequence[str]) -> recovery.KeptBackup:
    identity_file = Path(identity) if identity else _identity_file(ctx)
    return recovery.KeptBackup(Path(archive), identity_file, _trust(ctx, kids))


def _opening(ctx: EngineContext, opened: recovery.OpenedBackup, identity: str) -> tuple[Identity, ...]:
    """The identities that were named, else those of this machine where the backup was made for one of them."""
    if identity:
        return recovery.read_identities(Path(identity))
    path = ctx.settings.backup_identity_path
    found = recovery.read_identities(path) if path.exists() else ()
    return found if any(recovery.recipient_of(one) in opened.manifest.recipients for one in found) else ()


@contextmanager
def _refusal_noted(ctx: EngineContext, evidence: str) -> Iterator[None]:
    """Note that a backup was refused for what it is; that the wrong identity was tried says nothing about it."""
    try:
        yield
    except Refused as error:
        if error.code != WRONG_IDENTITY:
            _note(ctx, evidence, "refused", error.code)
        raise


def _note(ctx: EngineContext, evidence: str, outcome: str, code: str = "") -> None:
    """Note in the trail of this registry what came of checking a backup.

    Where there is no registry there is no note: a lost one must not come to be again, empty, because of a look.
    """
    if not ctx.read_only and ctx.settings.store_path.exists():
        event = AuditEvent("backup.verify", outcome, ctx.store.pseudonym(ctx.actor), code=code, evidence=evidence)
        ctx.store.append_audit(event, at=ctx.clock.now())


def drill_rotation(ctx: EngineContext) -> RotationDrill:
    """Run a rotation drill, sign its report and keep it. Raises as `recovery.drill_rotation` and `keep_report`."""
    signer = _signer(ctx)
    report = recovery.drill_rotation(ctx)
    document = report.sealed(signer)
    if not ctx.rehearsing:
        recovery.keep_report(ctx.settings.drill_path, "rotation", report.started_at, document)
    return RotationDrill(report, document, signer.public_key.kid)


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
