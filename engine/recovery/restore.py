"""Restoring: into an empty place, as the manifest says and in no other way, all of it or nothing.

    opened = open_backup(archive, trust)
    restored = restore_backup(ctx, opened, target, identities)

Everything happens in a hidden folder beside the target. Only when each file has the hash that was signed, the registry
has been opened and read through, and every policy is what it was, does one rename make it the target.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.bootstrap import open_context
from engine.context import EngineContext, Progress
from engine.errors import Conflict, InvalidInput, Unavailable
from engine.recovery.archive import Unpacker
from engine.recovery.backup import summary
from engine.recovery.disk import describe, rename, sync_directory, told
from engine.recovery.encryption import Identity, decrypt
from engine.recovery.inspection import check_restored
from engine.recovery.manifest import REGISTRY
from engine.recovery.opening import OpenedBackup
from engine.recovery.staging import staging
from engine.registry import SqliteStore

if TYPE_CHECKING:
    from engine.ports import Store

Finish: TypeAlias = "Callable[[Store], None]"


@dataclass(frozen=True, slots=True)
class Restored:
    """A registry that stands again."""

    target: Path
    """Its state directory."""
    opened: OpenedBackup

    def to_json(self) -> dict[str, Any]:
        """The restore as JSON data."""
        return {
            "target": str(self.target),
            "manifest_sha3": self.opened.manifest_sha3,
            **summary(self.opened.manifest),
        }


def check_empty(target: Path) -> None:
    """Say that a restore may go there: nothing is there yet, or an empty directory.

    Raises:
        Conflict: There is something.
        InvalidInput: The directory it would lie in does not exist.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()) or (target.is_dir() and any(target.iterdir())):
        raise _occupied(target)
    if not target.parent.is_dir():
        raise InvalidInput(
            "recovery.no_parent", f"The folder that {target.name} shall lie in does not exist", "Make it first."
        )


def restore_backup(
    ctx: EngineContext,
    opened: OpenedBackup,
    target: Path,
    identities: Sequence[Identity],
    *,
    finish: Finish = lambda _: None,
) -> Restored:
    """Restore a backup.

    Args:
        ctx: Clock and settings; progress is told to it. Its own registry is not touched.
        opened: The backup.
        target: The state directory to make. Absent or empty.
        identities: One of them must be a recipient's.
        finish: A last change to the restored registry, before it becomes visible.

    Raises:
        Conflict: The target is not empty.
        Refused: No identity fits, or what comes out is not what was signed.
        Unavailable: The disk is full or failing.
    """
    check_empty(target)
    with staging(target.parent, f"{target.name}.restoring") as folder:
        _unpack(ctx, opened, folder, identities)
        # Without a witness and a sealer: whoever only restores makes no keys and signs nothing.
        with closing(SqliteStore(folder / REGISTRY, ctx.clock)) as store:
            store.policies()  # one of an older release gets this one's tables before it is looked at
            _check(ctx, folder, opened)
            finish(store)
        with told("The restored files"):
            for directory in (folder, *(path for path in folder.iterdir() if path.is_dir())):
                sync_directory(directory)
        _put_in_place(folder, target)
    return Restored(target, opened)


def _unpack(ctx: EngineContext, opened: OpenedBackup, folder: Path, identities: Sequence[Identity]) -> None:
    done, total = 0, opened.manifest.size

    def count(size: int) -> None:
        nonlocal done
        done += size
        ctx.emit(Progress("restoring", done, total))

    with (
        told("The archive"),
        opened.archive.open("rb") as file,
        closing(Unpacker(opened.manifest.members, folder, count)) as unpacker,
    ):
        decrypt(file, unpacker, identities)
        unpacker.finish()


def _check(ctx: EngineContext, folder: Path, opened: OpenedBackup) -> None:
    settings = replace(ctx.settings, state_dir=folder, checkpoint_dir=None)
    with open_context(settings, actor=ctx.actor, clock=ctx.clock, read_only=True, emit=ctx.emit) as restored:
        check_restored(restored, opened.manifest)


def _put_in_place(folder: Path, target: Path) -> None:
    try:
        rename(folder, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _occupied(target) from error
        if error.errno in (errno.EBUSY, errno.EXDEV):
            raise Unavailable(
                "recovery.mount_point",
                f"{target.name} is a mount point, which cannot be put in place in one step",
                "Name a folder inside it.",
            ) from error
        raise describe(error, "The restored files") from error


def _occupied(target: Path) -> Conflict:
    return Conflict(
        "recovery.target_not_empty",
        f"{target.name} is not empty; a restore never mixes with what is there",
        "Name a directory that does not exist or is empty; then let capctl use it (CAPCTL_STATE_DIR).",
    )
