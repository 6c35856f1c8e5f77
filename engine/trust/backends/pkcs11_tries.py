"""The tries of a PIN that a token has, kept for people: processes log in one after the other and share what they learn.

A supervisor that starts its workers again, or an operator who takes a step again, would else use up the few tries of a
token with one wrong PIN. What a token refused is remembered in a file of the state directory, for this machine's own
processes, as a salted digest that is dear to compute (RFC 7914).
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

FILE_NAME: Final = "pkcs11.refused"

_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32


class Tries:
    """What the processes of this machine know of refused PINs.

    Args:
        descriptor: Of the file; None where there is none, and nothing is remembered.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def was_refused(self, token: str, pin: str) -> bool:
        """Whether it is the PIN that the token of this label refused last."""
        if self._descriptor is None:
            return False
        kept = os.pread(self._descriptor, _SALT_BYTES + _DIGEST_BYTES, 0)
        salt, digest = kept[:_SALT_BYTES], kept[_SALT_BYTES:]
        return len(digest) == _DIGEST_BYTES and hmac.compare_digest(digest, _digest(salt, token, pin))

    def refused(self, token: str, pin: str) -> None:
        """Remember a PIN that a token refused."""
        if self._descriptor is not None:
            salt = os.urandom(_SALT_BYTES)
            with suppress(OSError):  # a full disk makes nobody forget that this process was refused
                os.pwrite(self._descriptor, salt + _digest(salt, token, pin), 0)


@contextmanager
def taking_turns(path: Path) -> Iterator[Tries]:
    """Keep other processes from logging in meanwhile, and share what they know.

    Args:
        path: The file; made where there is none. Where it cannot be, nothing is shared.
    """
    with ExitStack() as held:
        descriptor: int | None = None
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield Tries(descriptor)


def _digest(salt: bytes, token: str, pin: str) -> bytes:
    secret = f"{len(token)}|{token}|{pin}".encode()
    return hashlib.scrypt(secret, salt=salt, n=2**14, r=8, p=1, dklen=_DIGEST_BYTES)
