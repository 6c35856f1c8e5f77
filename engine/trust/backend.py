"""Where private keys lie, behind one port: each back end makes keys, opens them again and does away with them.

A `backend_ref` names a key within its back end, and by its scheme the back end: `file:response.pem`. It stands in the
keyring, so it is signed, and it holds no secret.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from engine.errors import Conflict, InvalidInput, Refused
from engine.settings import Settings
from engine.trust import keyfile
from engine.trust.keyfile import KeyPurpose
from engine.trust.passphrase import read_passphrase
from engine.trust.signer import KeySigner, Signer

FILE_SCHEME: Final = "file"

ANYWHERE: Final = frozenset(KeyPurpose) - {KeyPurpose.CHECKPOINT, KeyPurpose.TOKENS}
"""Whose keys may lie elsewhere than in files: those that are only ever opened through the keyring."""

_FILE: Final = re.compile(r"file:(([a-z]+)(-[A-Za-z0-9_-]{43})?\.pem)")


class KeyBackend(Protocol):
    """Keeps private keys. Every method raises Unavailable where it cannot be reached, Refused where it refuses us."""

    @property
    def purposes(self) -> frozenset[KeyPurpose]:
        """Whose keys it can keep."""
        ...

    def make(self, purpose: KeyPurpose) -> tuple[str, Signer]:
        """Make a key; where it lies, and the key as it was read back from there."""
        ...

    def open(self, ref: str) -> Signer:
        """The key of a reference.

        Raises:
            NotFound: It is not there.
            InvalidInput: It is no reference of this back end.
        """
        ...

    def destroy(self, ref: str) -> None:
        """Make a key unable to sign, for good. Doing it again is no fault."""
        ...

    def refs(self) -> Sequence[str]:
        """Every key that lies there, ours or not."""
        ...


class FileBackend:
    """Keys in `keys/` of the state directory, encrypted where a passphrase is configured.

    Args:
        settings: Name the state directory, and whether this is production.
        environ: May hold the passphrase.
        random_bytes: Source of seeds.
        ask: Asks whoever is there for the passphrase of a key, where none is configured.
    """

    purposes: Final = frozenset(KeyPurpose)

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str] = os.environ,
        random_bytes: Callable[[int], bytes] = os.urandom,
        ask: Callable[[str], str | None] | None = None,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._random_bytes = random_bytes
        self._ask = ask

    def first(self, purpose: KeyPurpose) -> tuple[str, Signer]:
        """The first key of a purpose, made where there is none."""
        key = keyfile.open_private_key(
            self._settings.state_dir,
            purpose,
            passphrase=self._passphrase(purpose),
            random_bytes=self._seeds(purpose, "first"),
        )
        return f"{FILE_SCHEME}:{purpose}.pem", KeySigner(key)

    def has_first(self, purpose: KeyPurpose) -> bool:
        """Whether the first key of a purpose lies there."""
        return f"{purpose}.pem" in keyfile.key_files(self._settings.state_dir)

    def make(self, purpose: KeyPurpose) -> tuple[str, Signer]:
        passphrase = self._passphrase(purpose)
        made = keyfile.create_private_key(
            self._settings.state_dir,
            purpose,
            passphrase=passphrase,
            random_bytes=self._seeds(purpose, "later"),
            is_first=False,
        )
        ref = f"{FILE_SCHEME}:{keyfile.file_name(purpose, made.public_key())}"
        read_back = self.open(ref)
        if read_back.public_key.raw != made.public_key().public_bytes_raw():
            raise Conflict("keys.not_read_back", "The new key is not what was stored", "Try again; check the disk.")
        return ref, read_back

    def open(self, ref: str) -> Signer:
        file, purpose = _taken_apart(ref)
        passphrase = self._asked_for(purpose) if self._ask and self.needs_passphrase(ref) else None
        passphrase = passphrase or self._passphrase(purpose)
        return KeySigner(keyfile.load_private_key(self._settings.state_dir, purpose, passphrase=passphrase, file=file))

    def needs_passphrase(self, ref: str) -> bool:
        """Whether somebody has to give a key's passphrase: none is configured. Raises as `read_passphrase`."""
        file, _ = _taken_apart(ref)
        if read_passphrase(self._settings, self._environ) is not None:
            return False
        return self._settings.is_production or keyfile.is_encrypted(self._settings.state_dir, file)

    def destroy(self, ref: str) -> None:
        file, _ = _taken_apart(ref)
        keyfile.remove_private_key(self._settings.state_dir, file)

    def refs(self) -> Sequence[str]:
        return [f"{FILE_SCHEME}:{name}" for name in keyfile.key_files(self._settings.state_dir)]

    def _passphrase(self, purpose: KeyPurpose) -> bytes | None:
        passphrase = read_passphrase(self._settings, self._environ)
        if self._settings.is_production and passphrase is None:
            raise Refused(
                "trust.passphrase_required",
                f"The {purpose} key must be encrypted in production",
                "Give its passphrase: key_passphrase_file, or the variable CAPCTL_KEY_PASSPHRASE.",
            )
        return passphrase

    def _asked_for(self, purpose: KeyPurpose) -> bytes | None:
        said = self._ask(f"the {purpose} key") if self._ask else None
        return said.encode() if said else None

    def _seeds(self, purpose: KeyPurpose, use: str) -> Callable[[int], bytes]:
        """The random source, parted by purpose: one that repeats itself must not give two purposes one key."""
        label = f"capctl/key/{purpose}/{use}|".encode()
        return lambda count: hashlib.shake_256(label + self._random_bytes(32)).digest(count)


def _taken_apart(ref: str) -> tuple[str, KeyPurpose]:
    found = _FILE.fullmatch(ref)
    if found is None or found[2] not in list(KeyPurpose):
        raise InvalidInput("keys.malformed_ref", "The keyring names a key's file as none is named", "Restore it.")
    return found[1], KeyPurpose(found[2])
