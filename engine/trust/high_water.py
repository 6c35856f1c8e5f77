"""What was seen of the keyring, kept outside the registry: the highest version, and the highest time.

A registry that was replaced by an older copy brings an older keyring with it, and a clock that was set back brings the
time back in which a key was still accepted. Neither is noticed by looking at the registry, so both are written down in
the second place, beside the checkpoints of the audit trail. The mark only ever rises.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.canonical import canonical_json, strict_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput, Refused, Unavailable

NAME: Final = "keyring.mark"
_MAX_BYTES: Final = 4096
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest that was seen."""

    version: int
    """Of the keyring."""
    sha3: str
    """Hash of that version's envelope."""
    seen_at: datetime
    """The latest wall time at which anybody looked."""

    def raised_to(self, other: Mark) -> Mark:
        """The higher of two marks, in each of its parts."""
        higher = other if other.version > self.version else self
        return Mark(higher.version, higher.sha3, max(self.seen_at, other.seen_at))


class HighWaterFile:
    """The mark of one registry, in its directory.

    Every method raises Unavailable where the file cannot be read or written, and Refused where it is a link, no regular
    file, open to other users, or no mark.

    Args:
        directory: The second place; made with the first mark.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self) -> Mark | None:
        """The mark; None before the first."""
        try:
            descriptor = os.open(self._directory / NAME, _FLAGS | os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unusable(error) from error
        with os.fdopen(descriptor, "rb") as file:
            _check_private(os.fstat(descriptor))
            return _parse(file.read(_MAX_BYTES))

    def rise(self, mark: Mark) -> None:
        """Raise the mark, on disk before it returns. A mark that is higher already stays."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                before = self.read()
                risen = mark if before is None else before.raised_to(mark)
                if risen != before:
                    self._replace(risen)
        except OSError as error:
            raise _unusable(error) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from raising it meanwhile. The lock's own file is never replaced."""
        descriptor = os.open(self._directory / f".{NAME}.lock", _FLAGS | os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, mark: Mark) -> None:
        draft = self._directory / f".{NAME}.draft"
        draft.unlink(missing_ok=True)  # left by a process that died here
        descriptor = os.open(draft, _FLAGS | os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_to_bytes(mark))
            file.flush()
            os.fsync(descriptor)
        draft.rename(self._directory / NAME)
        _sync(self._directory)


def _to_bytes(mark: Mark) -> bytes:
    return canonical_json({"version": mark.version, "sha3": mark.sha3, "seen_at": to_rfc3339(mark.seen_at)})


def _parse(data: bytes) -> Mark:
    try:
        document = strict_json(data)
        mark = Mark(document["version"], document["sha3"], from_rfc3339(document["seen_at"]))
        if type(mark.version) is int and _to_bytes(mark) == data:
            return mark
    except (InvalidInput, KeyError, TypeError, AttributeError):
        pass
    raise Refused(
        "keys.mark_damaged",
        f"{NAME} in the checkpoint directory is no mark",
        "Restore it; only where nobody can have replaced the registry, remove it to begin anew.",
    )


def _check_private(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise Refused(
            "keys.mark_exposed", f"{NAME} is no file of its owner's alone", "It must be a regular file, mode 0600."
        )


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(error: OSError) -> Unavailable:
    return Unavailable(
        "keys.mark_unusable",
        f"{NAME} cannot be read or written ({error.strerror})",
        "The checkpoint directory must be readable and writable for this user.",
    )
