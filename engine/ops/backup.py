"""Backups: make one, check one, see which there are, and the keys they are encrypted to."""

from typing import TYPE_CHECKING, Annotated, Final

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.backup import BackupList, Keygen, VerifiedBackup
    from engine.recovery import BackupMade

TRUST: Final = Arg(
    "Key id of a backup key, known from elsewhere; without it the keys of this environment count.", metavar="KID"
)
IDENTITY: Final = Arg(
    "File with the age identity that opens it; without it, backup_identity_file.", metavar="FILE", suggest="file"
)


@operation("backup.create", danger=Danger.WRITE, key="n", rehearses=True)
def create(
    ctx: "EngineContext",
    *,
    to: Annotated[
        str,
        Arg(
            "A folder, or the archive's file, which must be new; without it, backup_dir.",
            metavar="PATH",
            suggest="file",
        ),
    ] = "",
    recipient: Annotated[
        list[str], Arg("To whom it is encrypted, age1…; again for each. Without it, backup_recipients.")
    ] = [],  # noqa: B006 - read, never changed; a tuple is no option's default
) -> "BackupMade":
    """Back up policies, lists, rollouts, keyring, audit trail and settings, while everything goes on.

    Makes an encrypted archive and a signed manifest beside it. Private keys are in neither: they stay where they live.
    Production asks for two recipients.
    Note the key id that signed (capctl keys list) where you will find it without this machine.
    """
    from engine.ops.recovery import create_backup

    return create_backup(ctx, to, recipient)


@operation("backup.verify", key="c")
def verify(
    ctx: "EngineContext",
    *,
    archive: Annotated[str, Arg("The archive.", positional=True, suggest="file")],
    identity: Annotated[str, IDENTITY] = "",
    trust: Annotated[list[str], TRUST] = [],  # noqa: B006 - read, never changed; a tuple is no option's default
    manifest: Annotated[
        str, Arg("Its manifest, where it does not lie beside it.", metavar="FILE", suggest="file")
    ] = "",
) -> "VerifiedBackup":
    """Check that a backup is what was signed. Exit code 3 when it is not.

    With an identity it is restored into a hidden folder beside the archive, read through, and removed again; the audit
    trail of this environment notes that it was.
    """
    from engine.ops.recovery import verify_backup

    return verify_backup(ctx, archive, manifest, identity, trust)


@operation("backup.list")
def list_backups(
    ctx: "EngineContext",
    *,
    folder: Annotated[str, Arg("Where backups lie; without it, backup_dir.", positional=True, suggest="file")] = "",
    trust: Annotated[list[str], TRUST] = [],  # noqa: B006 - read, never changed; a tuple is no option's default
) -> "BackupList":
    """List the backups of a folder, newest first, as far as their manifests are believed."""
    from engine.ops.recovery import list_folder

    return list_folder(ctx, folder, trust)


@operation("backup.keygen", danger=Danger.WRITE, rehearses=True)
def keygen(
    ctx: "EngineContext",
    *,
    to: Annotated[
        str,
        Arg(
            "The identity's file, which must be new; without it, backup_identity_file.", metavar="FILE", suggest="file"
        ),
    ] = "",
) -> "Keygen":
    """Make an age identity that opens backups, and show its recipient.

    Keep the file where this machine's loss does not reach it. The recipient is public.
    """
    from engine.ops.recovery import generate_keys

    return generate_keys(ctx, to)
