"""Making a backup: one moment of the registry, encrypted, with a signed word for every byte of it.

The plain copy lies in the state directory, where the registry itself lies, and is gone at the end; only what is
encrypted is ever written to the place of the backups. The manifest appears last: an archive without one is no backup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.__version__ import __version__
from engine.audit import read_checkpoint
from engine.bootstrap import open_context
from engine.clock import to_rfc3339
from engine.context import EngineContext, Progress
from engine.errors import Conflict, InvalidInput, Refused
from engine.ids import hash_bytes
from engine.recovery.archive import compress, pack
from engine.recovery.configuration import write_configuration
from engine.recovery.disk import CHUNK_BYTES, NewFile, rename, told, write_new
from engine.recovery.encryption import encrypt, read_recipients
from engine.recovery.manifest import (
    ARCHIVE_SUFFIX,
    CHECKPOINT_KEYS,
    CHECKPOINTS,
    CONFIGURATION,
    MANIFEST_TYPE,
    REGISTRY,
    AuditMark,
    Manifest,
    PolicyMark,
)
from engine.recovery.members import Members
from engine.recovery.opening import manifest_path
from engine.recovery.staging import staging
from engine.registry.schema import VERSION as SCHEMA_VERSION
from engine.trust.checkpoint_file import CheckpointFile
from engine.trust.dsse import seal
from engine.trust.notes import unverified_text
from engine.verifier.tags import policy_tag

if TYPE_CHECKING:
    from engine.ports import Store
    from engine.trust.signer import Signer

FEWEST_IN_PRODUCTION: Final = 2
"""Recipients of a production backup: with one, a lost identity is a lost backup."""


@dataclass(frozen=True, slots=True)
class BackupMade:
    """A backup that was just made."""

    archive: Path
    manifest: Manifest
    manifest_sha3: str

    def to_json(self) -> dict[str, Any]:
        """The backup as JSON data."""
        return {
            "archive": str(self.archive),
            "manifest": str(manifest_path(self.archive)),
            "manifest_sha3": self.manifest_sha3,
            **summary(self.manifest),
        }


def summary(manifest: Manifest) -> dict[str, Any]:
    """What is worth knowing of a manifest, as JSON data."""
    return {
        "id": manifest.id,
        "created_at": to_rfc3339(manifest.created_at),
        "env": manifest.env,
        "policies": len(manifest.policies),
        "records": manifest.audit.size,
        "keyring_version": manifest.keyring_version,
        "size": manifest.size,
        "archive_size": manifest.archive_size,
        "archive_sha3": manifest.archive_sha3,
        "recipients": list(manifest.recipients),
        "signed_by": manifest.signer.kid,
    }


def create_backup(ctx: EngineContext, destination: Path, recipients: Sequence[str], signer: Signer) -> BackupMade:
    """Back up a registry while others go on writing to it.

    Args:
        ctx: Of the registry; progress is told to it.
        destination: A folder, in which the backup gets a name of its own, or the archive's file, which must be new.
        recipients: To whom it is encrypted, `age1…`.
        signer: Signs the manifest: the backup key.

    Raises:
        InvalidInput: The recipients are too few or malformed.
        Refused: There is no policy in the registry, so nothing could be restored from its backup.
        Conflict: There is something under the archive's name.
        Unavailable: The registry cannot be read, or a disk is full or failing; then there is no backup.
    """
    keys = read_recipients(recipients)
    if ctx.settings.is_production and len(keys) < FEWEST_IN_PRODUCTION:
        raise InvalidInput(
            "recovery.one_recipient",
            "A production backup is encrypted to at least 2 recipients, not to 1",
            "Name a second one, whose identity lies elsewhere: --recipient twice.",
        )
    if not ctx.store.policies():
        raise no_policies("The registry has no published policy, so there is nothing to restore from its backup")
    created_at, backup_id = ctx.clock.now(), ctx.random_bytes(16).hex()
    archive = _archive_path(destination, ctx.env, to_rfc3339(created_at.replace(microsecond=0)), backup_id)
    with staging(ctx.settings.state_dir, "backup") as plain, staging(archive.parent, "backup") as sealed:
        ctx.emit(Progress("copying", 0))
        content = take_copy(ctx, plain)
        members = Members(plain)
        with told("The archive"), NewFile(sealed / "archive") as file:
            encrypt(compress(_counted(ctx, members)), file, keys)
            file.commit()
        manifest = Manifest(
            id=backup_id,
            created_at=created_at,
            env=ctx.env,
            tool=__version__,
            archive_size=file.size,
            archive_sha3=file.sha3,
            members=members.listed(),
            policies=content.policies,
            audit=content.audit,
            keyring_version=content.keyring_version,
            schema_version=SCHEMA_VERSION,
            recipients=tuple(recipients),
            signer=signer.public_key,
        )
        envelope = seal(MANIFEST_TYPE, manifest.payload(), [signer])
        with told("The manifest"):
            write_new(sealed / "manifest", envelope)
            _publish(sealed, archive)
    return BackupMade(archive, manifest, hash_bytes(envelope))


def no_policies(problem: str) -> Refused:
    """A backup without policies restores nothing, however well it does so."""
    hint = "Publish one (capctl policy publish lksg.v1), or check that this is the environment you mean (--env)."
    return Refused("recovery.no_policies", problem, hint)


@dataclass(frozen=True, slots=True)
class Content:
    """What a copy of the registry holds."""

    policies: tuple[PolicyMark, ...]
    audit: AuditMark
    keyring_version: int


def take_copy(ctx: EngineContext, folder: Path) -> Content:
    """Put everything that is backed up into a folder; the registry as at one moment.

    Raises:
        Unavailable: The registry cannot be read, or a disk fails.
    """
    ctx.store.snapshot(folder / REGISTRY)
    with open_context(replace(ctx.settings, state_dir=folder, checkpoint_dir=None), read_only=True) as copied:
        content = _described(copied.store)
    with told("The copy"):
        # After the registry: what it remembers of checkpoints was appended there before.
        _take_checkpoints(CheckpointFile(ctx.settings.checkpoint_path), folder, content.audit.size)
        (folder / CONFIGURATION).write_bytes(write_configuration(ctx.settings))
    return content


def _described(store: Store) -> Content:
    audit = store.audit_state()
    return Content(
        policies=tuple(
            PolicyMark(entry.policy_id, entry.ir_hash, policy_tag(entry.ir_hash)) for entry in store.policies()
        ),
        audit=AuditMark(audit.origin, audit.head.seq, audit.head.hash, audit.tree.root().hex(), audit.checkpoint),
        keyring_version=len(store.keyrings()),
    )


def _take_checkpoints(file: CheckpointFile, folder: Path, records: int) -> None:
    """Copy the checkpoints that speak of the first `records` records; later ones would speak against the copy."""
    notes = [note for note in file.read().notes if read_checkpoint(unverified_text(note)).size <= records]
    if notes:
        (folder / CHECKPOINTS).parent.mkdir(mode=0o700)
        (folder / CHECKPOINTS).write_text("".join(f"{note}\n" for note in notes), "utf-8")
        keys = "".join(f"{key.to_text()}\n" for key in file.keys())  # noqa: SIM118 - no mapping, its method
        (folder / CHECKPOINT_KEYS).write_text(keys, "utf-8")


def _counted(ctx: EngineContext, members: Members) -> Iterator[bytes]:
    """The archive's bytes, told to whoever watches."""
    done, total = 0, sum(size for _, size in members.sizes())
    for chunk in pack(members.sizes(), members.open):
        yield chunk
        done = min(done + len(chunk), total)
        if len(chunk) >= CHUNK_BYTES or done == total:
            ctx.emit(Progress("encrypting", done, total))


def _archive_path(destination: Path, env: str, moment: str, backup_id: str) -> Path:
    if not destination.is_dir():
        return destination
    # Times sort, and the id keeps two backups of one second apart.
    when = moment.replace("-", "").replace(":", "")
    return destination / f"capctl-{env}-{when}-{backup_id[:8]}{ARCHIVE_SUFFIX}"


def _publish(sealed: Path, archive: Path) -> None:
    """Give both files their names, the manifest last: it is what makes a backup of an archive."""
    manifest = manifest_path(archive)
    if archive.exists() or manifest.exists():
        raise Conflict(
            "recovery.backup_exists",
            f"There is something under the name {archive.name} already",
            "Choose another name, or a folder: a backup is never overwritten.",
        )
    rename(sealed / "archive", archive)
    try:
        rename(sealed / "manifest", manifest)
    except OSError:
        archive.rename(sealed / "archive")
        raise
