"""Private keys in files: made once, readable by their owner alone, refused when anyone else could have read them.

A key lies in `keys/` of the state directory, PKCS#8 PEM: the first of a purpose as `PURPOSE.pem`, later ones with their
key id, `PURPOSE-KID.pem`. The file appears complete or not at all, and never replaces another. Errors name the file
within the state directory, not where that is.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Conflict, InvalidInput, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAX_PEM_BYTES = 16_384
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class KeyPurpose(StrEnum):
    """What a key is for. One key, one purpose (NIST SP 800-57 part 1, section 5.2)."""

    RESPONSE = "response"
    """Signs verification results."""
    TOKENS = "tokens"
    """Signs the access tokens of the embedded issuer."""
    CHECKPOINT = "checkpoint"
    """Signs checkpoints of the audit trail."""
    REGISTRY = "registry"
    """Signs the registry's entries: which policy id stands for which IR."""
    ORR = "orr"
    """Signs the operational readiness review; the tech lead's."""
    BACKUP = "backup"
    """Signs manifests of backups and reports of drills."""
    ROOT = "root"
    """Signs the keyring, which says what every other key is for."""


def open_private_key(
    state_dir: Path,
    purpose: KeyPurpose,
    *,
    passphrase: bytes | None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Ed25519PrivateKey:
    """Load the key of a purpose, or make it where there is none. Several processes may do so at once.

    Side effects: may create `keys/` and the key's file.

    Raises:
        What `load_private_key` and `create_private_key` raise, except that a missing key is made.
    """
    try:
        return load_private_key(state_dir, purpose, passphrase=passphrase)
    except NotFound:
        pass
    try:
        return create_private_key(state_dir, purpose, passphrase=passphrase, random_bytes=random_bytes)
    except Conflict:  # another process was faster
        return load_private_key(state_dir, purpose, passphrase=passphrase)


def create_private_key(
    state_dir: Path,
    purpose: KeyPurpose,
    *,
    passphrase: bytes | None,
    random_bytes: Callable[[int], bytes] = os.urandom,
    is_first: bool = True,
) -> Ed25519PrivateKey:
    """Make a key and store it, encrypted where a passphrase is given.

    Args:
        state_dir: Where `keys/` lies.
        purpose: What it is for.
        passphrase: Encrypts it; None stores it in the clear.
        random_bytes: Source of its seed.
        is_first: Whether it gets the file of the purpose's first key, or one named by its key id.

    Side effects: creates `keys/` (0700) and the key's file (0600), synchronised to disk.

    Raises:
        Conflict: There is a key for this purpose already.
        Refused: `keys/` is not the owner's alone.
        Unavailable: The file cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(random_bytes(32))
    pem = _to_pem(key, passphrase)
    directory = state_dir / "keys"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(directory.lstat(), "keys/", is_kind=stat.S_ISDIR)
        _write_once(directory, f"{purpose}.pem" if is_first else file_name(purpose, key.public_key()), pem)
    except FileExistsError as error:
        raise Conflict(
            "trust.key_exists", f"There is a {purpose} key already", "Rotate it; a key is never overwritten."
        ) from error
    except OSError as error:
        raise Unavailable(
            "trust.key_not_stored",
            f"The {purpose} key cannot be stored ({error.strerror})",
            "The state directory must be writable.",
        ) from error
    return key


def file_name(purpose: KeyPurpose, key: Ed25519PublicKey) -> str:
    """The file of a key that is not the first of its purpose."""
    from engine.trust.jwk import thumbprint

    return f"{purpose}-{thumbprint(key.public_bytes_raw())}.pem"


def load_private_key(
    state_dir: Path, purpose: KeyPurpose, *, passphrase: bytes | None, file: str = ""
) -> Ed25519PrivateKey:
    """Load a key of a purpose: the one in `file` of `keys/`, or without one the first.

    Raises:
        NotFound: There is none.
        Refused: The file cannot be read, is a link or someone else's, is open to others, or the passphrase does not
            fit.
        InvalidInput: It holds no Ed25519 key.
    """
    name = f"keys/{file or f'{purpose}.pem'}"
    try:
        _check_private((state_dir / "keys").lstat(), "keys/", is_kind=stat.S_ISDIR)
        pem = _read_private(state_dir / name, name)
    except FileNotFoundError as error:
        raise NotFound(
            "trust.key_missing",
            f"There is no {purpose} key",
            "Put it back from its copy; capctl keys init makes a first one.",
        ) from error
    except OSError as error:
        # ELOOP is what O_NOFOLLOW answers for a symbolic link.
        raise Refused(
            "trust.key_not_opened",
            f"{name} cannot be read ({error.strerror})",
            "It must be a regular file that the service's own user can read; links are refused.",
        ) from error
    return _from_pem(pem, name, passphrase)


def is_encrypted(state_dir: Path, file: str) -> bool:
    """Whether a key's file needs a passphrase. One that cannot be read is not known to; opening it says why."""
    try:
        return b"ENCRYPTED" in _read_private(state_dir / "keys" / file, f"keys/{file}")
    except (OSError, Refused):
        return False


def remove_private_key(state_dir: Path, file: str) -> None:
    """Remove a key's file; one that is gone already is no fault.

    Raises:
        Unavailable: It cannot be removed.
    """
    try:
        (state_dir / "keys" / file).unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(
            "trust.key_not_removed", f"keys/{file} cannot be removed ({error.strerror})", "Remove it by hand."
        ) from error
    # The file is gone for everybody. One that a loss of power brings back is found, listed and removed again.
    with suppress(OSError):
        _sync_directory(state_dir / "keys")


def key_files(state_dir: Path) -> tuple[str, ...]:
    """The names of the keys' files, sorted; none where there is no `keys/`."""
    directory = state_dir / "keys"
    return tuple(sorted(path.name for path in directory.glob("[!.]*.pem"))) if directory.is_dir() else ()


def _read_private(path: Path, name: str) -> bytes:
    descriptor = os.open(path, _READ_FLAGS)
    try:
        # The descriptor is asked, not the path: what was checked is what is read.
        _check_private(os.fstat(descriptor), name, is_kind=stat.S_ISREG)
        return os.read(descriptor, _MAX_PEM_BYTES)
    finally:
        os.close(descriptor)


def _write_once(directory: Path, name: str, data: bytes) -> None:
    """Make the file appear complete under its name, unless one is there."""
    draft = directory / f".{name}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, _CREATE_FLAGS, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, directory / name)  # unlike a rename, refuses to replace what is there
    finally:
        draft.unlink()
    _sync_directory(directory)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_private(status: os.stat_result, name: str, *, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(status.st_mode):
        raise Refused("trust.key_not_regular", f"{name} is not what it should be", "Links and devices are refused.")
    if status.st_uid != os.geteuid():
        raise Refused("trust.key_foreign", f"{name} belongs to another user", "It must belong to the service's user.")
    if status.st_mode & 0o077:
        raise Refused(
            "trust.key_exposed",
            f"{name} is open to other users",
            "Treat the key as compromised if it may have been read; then chmod go= it, or replace it.",
        )


def _to_pem(key: Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    from cryptography.hazmat.primitives import serialization

    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _from_pem(pem: bytes, name: str, passphrase: bytes | None) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if b"ENCRYPTED" in pem and passphrase is None:
        raise Refused(
            "trust.passphrase_missing",
            f"{name} is encrypted",
            "Give its passphrase: key_passphrase_file, or the variable CAPCTL_KEY_PASSPHRASE.",
        )
    try:
        key = load_pem_private_key(pem, passphrase)
    except TypeError:
        raise Refused(
            "trust.key_not_encrypted",
            f"{name} is not encrypted, although a passphrase is configured",
            "Replace the key; a key that lay in the clear stays a key that lay in the clear.",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        if passphrase is not None:
            raise Refused("trust.passphrase_wrong", f"{name} cannot be decrypted", "Check the passphrase.") from None
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput("trust.key_malformed", f"{name} holds no Ed25519 key", "Restore it, or make a new one.")
    return key
