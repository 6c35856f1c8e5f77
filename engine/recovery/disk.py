"""Files that are on disk when they are done, and what the disk reports, told to a person.

Everything the room writes itself goes through here, so that a full or failing disk is met in one place.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from engine.errors import Unavailable
from engine.ids import HASH_PREFIX
from engine.recovery.beside import Beside

CHUNK_BYTES: Final = 1 << 20
"""How much is read and hashed at a time."""

_CREATE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class NewFile:
    """A file that did not exist before: written once, mode 0600, hashed as it is written.

    On disk when `commit` returns. A `with` block closes it in any case. Whatever the disk reports is raised by one of
    the calls that follow, by `commit` at the latest.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, _CREATE_FLAGS, 0o600)
        self._digest = hashlib.sha3_256()
        self._beside = Beside()
        self.size = 0
        """Bytes written so far."""

    def write(self, data: bytes) -> int:
        """Append all of `data`."""
        self._beside.do(self._append, data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back: there is nothing to flush."""

    @property
    def sha3(self) -> str:
        """SHA3-256 of what was written, `sha3-256:<64 hex>`."""
        self._beside.wait()
        return HASH_PREFIX + self._digest.hexdigest()

    def commit(self) -> None:
        """Have it on disk."""
        self._beside.wait()
        os.fsync(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beside.stop()
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        self._digest.update(data)
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]


def write_new(path: Path, data: bytes) -> None:
    """Make a file with `data`, on disk when this returns."""
    with NewFile(path) as file:
        file.write(data)
        file.commit()


def sync_directory(directory: Path) -> None:
    """Have the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Move a file or directory within a file system; the new name is on disk when this returns.

    Where that cannot be had, it has its old name again.
    """
    os.rename(source, target)  # noqa: PTH104 - beside the other calls that a failing disk is simulated at
    try:
        sync_directory(target.parent)
    except OSError:
        target.rename(source)
        raise


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what the file system reports inside the block into an error for people.

    Args:
        what: What the block is about: `The backup`.
    """
    try:
        yield
    except OSError as error:
        raise describe(error, what) from error


def describe(error: OSError, what: str) -> Unavailable:
    """The error for people that an error of the file system means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            "recovery.disk_full",
            f"{what} cannot be written: the disk is full",
            "Make space and begin again; nothing was left behind under its name.",
        )
    return Unavailable(
        "recovery.disk",
        f"{what} cannot be read or written: {os.strerror(error.errno or errno.EIO)}",
        "The folder must exist, be yours, and lie on a disk that works.",
    )
