"""Taking a backup in hand: its manifest believed, its archive compared with it, and nothing decrypted yet."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from engine.context import Progress, ignore_progress
from engine.errors import InvalidInput, NotFound, Refused
from engine.ids import HASH_PREFIX, hash_bytes
from engine.recovery.disk import CHUNK_BYTES, told
from engine.recovery.manifest import MANIFEST_SUFFIX, Manifest
from engine.recovery.trust import Trust
from engine.trust.dsse import MAX_ENVELOPE_BYTES

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A backup whose manifest is signed by somebody who counts, and whose archive is the one it describes."""

    archive: Path
    manifest: Manifest
    kid: str
    """The key that signed the manifest."""
    manifest_sha3: str
    """Of the envelope: names this backup in records and reports."""


def manifest_path(archive: Path) -> Path:
    """Where the manifest of an archive lies."""
    return archive.parent / (archive.name + MANIFEST_SUFFIX)


def open_backup(
    archive: Path,
    trust: Trust,
    *,
    manifest: Path | None = None,
    emit: Callable[[Progress], None] = ignore_progress,
) -> OpenedBackup:
    """Check the signature of a backup's manifest, and that the archive is the one it was made for.

    Args:
        archive: The encrypted archive; unverified.
        trust: Whose signature counts.
        manifest: The manifest, where it does not lie beside the archive.
        emit: Where progress goes.

    Raises:
        NotFound: One of the files does not exist.
        InvalidInput: The manifest is none.
        Refused: Nobody who counts has signed it, or the archive is another one, or was changed.
        Unavailable: A file cannot be read.
    """
    envelope = read_envelope(manifest or manifest_path(archive))
    believed, kid = trust.open(envelope)
    with told("The archive"):
        try:
            file = _open(archive)
        except FileNotFoundError:
            raise NotFound(
                "recovery.no_archive",
                f"There is no archive {archive.name}",
                "See what there is: capctl backup list DIR.",
            ) from None
        with file:
            _compare(file, believed, emit)
    return OpenedBackup(archive, believed, kid, hash_bytes(envelope))


def read_envelope(path: Path) -> bytes:
    """The bytes of a manifest, unverified; one more than an envelope may have where it is longer.

    Raises:
        NotFound: There is none.
        Unavailable: It cannot be read.
    """
    with told("The manifest"):
        try:
            with _open(path) as file:
                return file.read(MAX_ENVELOPE_BYTES + 1)
        except FileNotFoundError:
            raise NotFound(
                "recovery.no_manifest",
                f"The archive has no manifest {path.name} beside it, so nobody speaks for it",
                "A backup is both files; name the manifest with --manifest where it is kept elsewhere.",
            ) from None


def _compare(file: BinaryIO, manifest: Manifest, emit: Callable[[Progress], None]) -> None:
    size = os.fstat(file.fileno()).st_size
    if size != manifest.archive_size:
        raise _another(f"it has {size:,} bytes instead of {manifest.archive_size:,}")
    digest, done = hashlib.sha3_256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        done += len(chunk)
        emit(Progress("checking", done, size))
    if HASH_PREFIX + digest.hexdigest() != manifest.archive_sha3:
        raise _another("its content has another hash")


def _another(problem: str) -> Refused:
    return Refused(
        "recovery.archive_changed",
        f"The archive is not the one that its manifest was signed for: {problem}",
        "It was changed, cut off, or belongs to another manifest. Do not use it; fetch it again or take another one.",
    )


def _open(path: Path) -> BinaryIO:
    """Open a file at rest. A pipe or a device could be another thing at each look."""
    file = os.fdopen(os.open(path, _FLAGS), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InvalidInput("recovery.not_a_file", f"{path.name} is no regular file", "Name the archive's file.")
    return file
