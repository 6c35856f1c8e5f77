"""The passphrase of the private keys, and other secrets: in a file that only its owner can read, or the environment."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from engine.errors import Refused, Unavailable
from engine.settings import Settings

VARIABLE = "CAPCTL_KEY_PASSPHRASE"
_MAX_BYTES = 4096


def read_passphrase(settings: Settings, environ: Mapping[str, str]) -> bytes | None:
    """The passphrase that is configured; None where none is.

    Args:
        settings: May name a file; its first line counts.
        environ: May hold `CAPCTL_KEY_PASSPHRASE`.

    Raises:
        Refused: The file is open to other users, or empty.
        Unavailable: It cannot be read.
    """
    if settings.key_passphrase_file is None:
        return environ.get(VARIABLE, "").encode() or None
    passphrase = read_secret(settings.key_passphrase_file, what="passphrase").splitlines()[:1]
    if not passphrase or not passphrase[0]:
        raise Refused("trust.passphrase_empty", "The passphrase file is empty", "Write it in the first line.")
    return passphrase[0]


def read_secret(path: Path, *, what: str) -> bytes:
    """The content of a file that only its owner can read, as much of it as a secret has.

    Args:
        path: The file, or a link to it.
        what: What lies in it, for errors: `passphrase`.

    Raises:
        Refused: It is open to other users, or no file.
        Unavailable: It cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Unavailable(
            "trust.passphrase_not_read",
            f"The {what} file {path.name} cannot be read ({error.strerror})",
            "Check the setting that names it.",
        ) from error
    try:
        # A mounted secret is a link to a file, so links are followed; what counts is who can read the file.
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise Refused(
                "trust.passphrase_exposed",
                f"The {what} file {path.name} is no file, or open to other users",
                f"chmod 600 it; treat the {what} as known if others may have read it.",
            )
        return os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)
