"""The files that users name: read and written in one place, with errors for people.

Messages repeat a path as the user gave it, never as the machine resolves it.
"""

import os
import sys
from typing import Any, Final

from engine.errors import InvalidInput, NotFound, Unavailable

MAX_BYTES: Final = 10 * 1024 * 1024
"""Largest file that is read whole. A context of 10,000 suppliers takes 2 MB."""

STDIN: Final = "-"


def read_bytes(path: str, *, what: str, limit: int = MAX_BYTES) -> bytes:
    """Read a file whole; `-` is standard input.

    Args:
        path: As the user gave it.
        what: What it should be, for the error: `context`.
        limit: Largest size in bytes.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is a directory, or too large.
        Unavailable: It cannot be read.
    """
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - importing pathlib costs more than the read
                data = file.read(limit + 1)
    except FileNotFoundError:
        raise NotFound("file.not_found", f"The {what} file {path!r} does not exist", "Check the path.") from None
    except IsADirectoryError:
        hint = "Name one file inside it."
        raise InvalidInput("file.is_directory", f"The {what} file {path!r} is a directory", hint) from None
    except (OSError, ValueError) as error:
        reason = _reason(error)
        raise Unavailable("file.unreadable", f"The {what} file {path!r} cannot be read: {reason}", "") from error
    if len(data) > limit:
        size = f"{limit // (1024 * 1024)} MB"
        hint = "Split it, or check that it is the file you mean."
        raise InvalidInput("file.too_large", f"The {what} file {path!r} is larger than {size}", hint)
    return data


def write_atomically(path: str, data: bytes) -> None:
    """Put `data` into a file so that a reader sees the old content or the new, never a part.

    Side effects: a temporary file beside it, renamed over it.

    Raises:
        InvalidInput: It is a directory.
        Unavailable: It cannot be written.
    """
    import tempfile

    if os.path.isdir(path):  # noqa: PTH112 - see read_bytes
        raise InvalidInput("file.is_directory", f"{path!r} is a directory", "Name a file inside it.")
    folder = os.path.dirname(path) or os.curdir  # noqa: PTH120
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".capctl-", dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            # mkstemp makes 0600 files; a document is as readable as any other the user writes.
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        if temporary and os.path.exists(temporary):  # noqa: PTH110
            os.unlink(temporary)  # noqa: PTH108
        hint = "Choose a folder that exists and that you may write to."
        raise Unavailable("file.unwritable", f"{path!r} cannot be written: {_reason(error)}", hint) from error


def read_json(path: str, *, what: str) -> Any:
    """Read a file as strict JSON. Raises what `read_bytes` and `strict_json` raise."""
    from engine.canonical import strict_json

    return strict_json(read_bytes(path, what=what), what=f"The {what} file {path!r}")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else "the name is not valid").lower()


def _umask() -> int:
    # The only portable way to read the mask is to set it.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
