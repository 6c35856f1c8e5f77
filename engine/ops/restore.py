"""Restoring a backup."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.recovery import Restored


@operation("restore.run", danger=Danger.WRITE, command="restore", key="e", rehearses=True, records_elsewhere=True)
def restore(
    ctx: "EngineContext",
    *,
    archive: Annotated[str, Arg("The archive.", flags=("--from",), metavar="FILE", suggest="file")],
    into: Annotated[str, Arg("The state directory to make, empty or not there.", metavar="DIR", suggest="file")],
    identity: Annotated[
        str,
        Arg(
            "File with the age identity that opens it; without it, backup_identity_file.",
            metavar="FILE",
            suggest="file",
        ),
    ] = "",
    trust: Annotated[
        list[str],
        Arg("Key id of the backup key, from anywhere but the backup; else the keys here count.", metavar="KID"),
    ] = [],  # noqa: B006 - read, never changed; a tuple is no option's default
    manifest: Annotated[
        str, Arg("Its manifest, where it does not lie beside it.", metavar="FILE", suggest="file")
    ] = "",
) -> "Restored":
    """Restore a backup into an empty directory: all of it, exactly as it was signed, or nothing.

    Nothing is visible before everything was compared with the manifest. The restored trail says that it was restored.
    Then put the keys in place and use it: CAPCTL_STATE_DIR=DIR. See docs/runbook_restore.md.
    """
    from engine.ops.recovery import restore_archive

    return restore_archive(ctx, archive, manifest, trust, into=into, identity=identity)
