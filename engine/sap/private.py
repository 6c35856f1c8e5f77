"""Small files that only their owner may read: the tenant's secrets, credentials, the map of supplier numbers.

Made complete or not at all, mode 0600; refused when anyone else could have read them. Errors name what the file is
for, not where it lies.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from engine.errors import InvalidInput, NotFound, Refused, Unavailable

_READ_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_BYTES: Final = 64 * 2**20


def read_private(path: Path, *, what: str) -> bytes:
    """Read a private file.

    Args:
        path: Its place.
        what: How an error names it: `credentials file`.

    Raises:
        NotFound: There is none.
        Refused: It is a link or no file, belongs to someone else, or is open to others.
        InvalidInput: It is far too large.
        Unavailable: It cannot be read.
    """
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except FileNotFoundError:
        raise NotFound("private.missing", f"The {what} does not exist", "Check its path.") from None
    except OSError as error:
        hint = "It must be a regular file that you may read; links are refused."
        raise Unavailable("private.unreadable", f"The {what} cannot be read", hint) from error
    with os.fdopen(descriptor, "rb") as file:
        # The descriptor is asked, not the path: what was checked is what is read.
        _check(os.fstat(descriptor), what)
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InvalidInput("private.too_large", f"The {what} is too large", "Check that it is the file you mean.")
    return data


def write_private(path: Path, data: bytes, *, what: str) -> None:
    """Put a private file in place of the one that may be there, in one step.

    Side effects: makes missing folders (0700); the file is 0600 and on disk when this returns.

    Raises:
        Unavailable: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(draft, _CREATE_FLAGS, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise Unavailable(
            "private.unwritable", f"The {what} cannot be written", "Its folder must be yours and writable."
        ) from error


def _check(status: os.stat_result, what: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused("private.not_regular", f"The {what} is no regular file", "Name a file.")
    if status.st_uid != os.geteuid():
        raise Refused("private.foreign", f"The {what} belongs to another user", "It must belong to you.")
    if status.st_mode & 0o077:
        raise Refused("private.exposed", f"The {what} is open to other users", "Then: chmod 600 FILE.")
