"""The registry's file before SQLite touches it: what kind it is, who may read it, and how it comes to be."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from engine.errors import Unavailable
from engine.registry import faults


class FileId(NamedTuple):
    """Tells one file from another that has taken its name."""

    device: int
    inode: int


def inspect(path: Path) -> FileId | None:
    """Look at what lies under the registry's name.

    Returns:
        Which file it is; None when there is none yet, or one that nothing was ever written to.

    Raises:
        Unavailable: A symbolic link, a directory, a device, or a file that everybody may read or write.
        OSError: The directory cannot be looked into.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    kind = _other_kind(found.st_mode)
    if kind:
        raise Unavailable(
            "registry.not_a_file",
            f"{path.name} is {kind}, not a file",
            "Move it away, or name another state directory (CAPCTL_STATE_DIR).",
        )
    if found.st_size == 0:
        return None
    if found.st_mode & stat.S_IRWXO:
        # It holds the salts of the rollouts and the names of the actors.
        raise Unavailable(
            "registry.exposed",
            f"{path.name} can be read or written by every user of this machine",
            "Restrict it: chmod 600 on that file, and find out who had access.",
        )
    return FileId(found.st_dev, found.st_ino)


def _other_kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a directory" if stat.S_ISDIR(mode) else "a device or pipe"


def touch_private(path: Path) -> None:
    """Make the empty file, 0600 in a directory 0700, unless it is there. A directory that exists is left as it is.

    Raises:
        Unavailable: It may not be made here.
        OSError: It cannot be made.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    except PermissionError as error:
        raise faults.read_only(path) from error
    except FileExistsError:
        if not os.path.lexists(path):
            raise  # it is the directory's name that is taken
        # Never opened here: closing a descriptor would drop the locks that SQLite holds on it in this process.
        return
    os.close(descriptor)


def is_writable(path: Path) -> bool:
    """Whether this user may write the file and, as a write-ahead log needs, beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)
