"""Encryption to people's keys: age files, X25519 only, in a stream.

A recipient (`age1…`) is public and goes on command lines; an identity (`AGE-SECRET-KEY-1…`) lies in a file that only
its owner can read, as `age-keygen` writes it, and appears nowhere else.

Source: the age file encryption format, v1 (C2SP, age.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from engine.errors import Conflict, InvalidInput, Refused

Identity: TypeAlias = Any
"""The private half of an X25519 key pair; pyrage comes without types."""
Recipient: TypeAlias = Any
"""The public half."""

IDENTITY_FILE: Final = "identity file"
WRONG_IDENTITY: Final = "recovery.wrong_identity"
"""The code of the error that says that the backup was made for somebody else."""
MOST_KEYS: Final = 32
"""Most recipients of a backup, and most identities of a file."""

T = TypeVar("T")


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take all of `data`."""
        ...

    def flush(self) -> None:
        """Hold nothing back."""
        ...


def read_recipients(texts: Sequence[str]) -> tuple[Recipient, ...]:
    """The recipients that were named.

    Raises:
        InvalidInput: There is none, there are too many, one is named twice, or one is no X25519 recipient.
    """
    age = _age()

    if not 1 <= len(texts) <= MOST_KEYS or len(set(texts)) != len(texts):
        raise InvalidInput(
            "recovery.recipients",
            f"A backup is encrypted to 1 to {MOST_KEYS} different recipients, not to {len(texts)}",
            "Name each once with --recipient; 'capctl backup keygen' makes one.",
        )
    try:
        return tuple(map(age.x25519.Recipient.from_str, texts))
    except age.RecipientError as error:
        raise InvalidInput(
            "recovery.recipient_malformed",
            "A recipient is not an age recipient",
            "It begins with age1 and has 62 characters; an identity (AGE-SECRET-KEY-1…) never goes on a command line.",
        ) from error


def read_identities(path: Path) -> tuple[Identity, ...]:
    """The identities of a file.

    Raises:
        NotFound: There is no such file.
        Refused: It is a link, or open to other users.
        InvalidInput: A line is no X25519 identity; which one is said, what it holds is not.
    """
    from engine.sap.private import read_private

    age = _age()
    lines = read_private(path, what=IDENTITY_FILE).decode("ascii", "replace").splitlines()
    keys = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip() and line[0] != "#"]
    if not 1 <= len(keys) <= MOST_KEYS:
        raise InvalidInput(
            "recovery.identities", f"The {IDENTITY_FILE} must hold 1 to {MOST_KEYS} identities", "See age-keygen(1)."
        )
    identities = []
    for number, key in keys:
        try:
            identities.append(age.x25519.Identity.from_str(key))
        except age.IdentityError:
            # Not chained: the text of the cause may repeat the line.
            raise InvalidInput(
                "recovery.identity_malformed",
                f"Line {number} of the {IDENTITY_FILE} is no age identity",
                "It must begin with AGE-SECRET-KEY-1, as 'capctl backup keygen' or age-keygen writes it.",
            ) from None
    return tuple(identities)


def recipient_of(identity: Identity) -> str:
    """The recipient that an identity opens: `age1…`."""
    return str(identity.to_public())


def generate_identity(path: Path) -> str:
    """Make an identity in a new file, as `age-keygen` writes it, and return its recipient.

    Side effects: the file, 0600, on disk.

    Raises:
        Conflict: There is something under that name.
        Unavailable: It cannot be written.
    """
    from engine.recovery.disk import told, write_new

    identity = _age().x25519.Identity.generate()
    recipient = recipient_of(identity)
    with told(f"The {IDENTITY_FILE}"):
        try:
            write_new(path, f"# public key: {recipient}\n{identity}\n".encode())
        except FileExistsError as error:
            raise Conflict(
                "recovery.identity_exists",
                f"There is something under the name of the {IDENTITY_FILE} already",
                "Choose another name; an identity is never overwritten, because backups may depend on it.",
            ) from error
    return recipient


def encrypt(plaintext: Iterator[bytes], sink: Sink, recipients: Sequence[Recipient]) -> None:
    """Encrypt a stream.

    Raises:
        What the plaintext's iterator and the sink raise.
    """
    age = _age()

    source, guarded = _Pull(plaintext), _Guarded(sink)
    try:
        age.encrypt_io(source, guarded, recipients)
    except (age.EncryptError, OSError) as error:
        raise source.raised or guarded.raised or error from None


def decrypt(source: Source, sink: Sink, identities: Sequence[Identity]) -> None:
    """Decrypt a stream. What reaches the sink is authentic piece by piece, and whole only when this returns.

    Raises:
        Refused: No identity opens it, or it is no age file, damaged or cut off.
        What the sink raises.
    """
    age = _age()

    guarded = _Guarded(sink)
    try:
        age.decrypt_io(source, guarded, identities)
    except (age.DecryptError, OSError) as error:
        if guarded.raised is not None:
            raise guarded.raised from None
        if "No matching keys" in str(error):
            raise Refused(
                WRONG_IDENTITY,
                "The backup was not encrypted to this identity",
                "The manifest names its recipients; use the identity file of one of them.",
            ) from None
        raise Refused(
            "recovery.archive_damaged",
            "The archive cannot be decrypted: it is damaged, cut off, or no age file",
            "Fetch it again from where it is kept, or take an older backup.",
        ) from None


class _Pull:
    """An iterator of chunks as a file to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = memoryview(b"")
        self.raised: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        while not self._buffer:
            chunk = _noting(self, lambda: next(self._chunks, None))
            if chunk is None:
                return b""
            self._buffer = memoryview(chunk)
        end = len(self._buffer) if size < 0 else size
        taken, self._buffer = bytes(self._buffer[:end]), self._buffer[end:]
        return taken


class _Guarded:
    """A sink that remembers what it raised: through pyrage only the text of an exception comes back."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.raised: BaseException | None = None

    def write(self, data: bytes) -> int:
        return _noting(self, lambda: self._sink.write(data))

    def flush(self) -> None:
        _noting(self, self._sink.flush)


def _noting(owner: _Pull | _Guarded, act: Callable[[], T]) -> T:
    try:
        return act()
    except BaseException as error:
        owner.raised = error
        raise


def _age() -> Any:
    """The implementation, loaded with the first backup."""
    import pyrage  # type: ignore[import-untyped]

    return pyrage
