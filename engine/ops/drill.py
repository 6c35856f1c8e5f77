"""Drills: the worst, rehearsed on a copy and measured."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.backup import RestoreDrill, RotationDrill


@operation("drill.restore", danger=Danger.WRITE, key="d", writes_document=True, rehearses=True)
def restore(
    ctx: "EngineContext",
    *,
    archive: Annotated[
        str, Arg("The backup to restore; without it one is made.", flags=("--from",), metavar="FILE", suggest="file")
    ] = "",
    identity: Annotated[
        str,
        Arg(
            "File with the age identity that opens it; without it, backup_identity_file.",
            metavar="FILE",
            suggest="file",
        ),
    ] = "",
    trust: Annotated[
        list[str], Arg("Key id of the backup key; else the keys of this environment count.", metavar="KID")
    ] = [],  # noqa: B006 - read, never changed; a tuple is no option's default
) -> "RestoreDrill":
    """Restore a backup into an empty place, start the verifier there and compare every policy; -o writes the report.

    The report is signed with the backup key: readiness, each policy's ir_hash and ETag, recovery time and recovery
    point; it is kept in drills/ of the state directory. The live registry is only read. Exit code 3 when anything
    differs.
    """
    from engine.ops.recovery import drill_restore

    return drill_restore(ctx, archive, identity, trust)


@operation("drill.rotation", danger=Danger.WRITE, key="o", writes_document=True, rehearses=True)
def rotation(ctx: "EngineContext") -> "RotationDrill":
    """Rotate the response key on a copy of the registry while results are asked for; -o writes the report.

    From preparation to the old key's end, with a verifier and callers of its own; the live registry and its keys are
    only read. The report is signed with the backup key, and kept in drills/ of the state directory. Exit code 3 when a
    caller was refused, or the old key was not.
    """
    from engine.ops.recovery import drill_rotation

    return drill_rotation(ctx)
