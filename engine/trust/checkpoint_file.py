"""The second place of checkpoints: a file outside the registry that only ever grows, and the public key beside it.

`audit.checkpoints` holds signed notes one after the other, each followed by an empty line; `audit.vkey` the verifier
keys that they are checked with, one a line. Both have mode 0600 in a directory of mode 0700. Put the directory on
another disk, or ship its files to another machine: who can write both places can rewrite both.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from engine.errors import Refused, Unavailable
from engine.trust.notes import MAX_NOTE_BYTES, NoteKey, read_note_key

NOTES_NAME: Final = "audit.checkpoints"
KEYS_NAME: Final = "audit.vkey"

_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_APPEND_FLAGS: Final = _FLAGS | os.O_WRONLY | os.O_APPEND | os.O_CREAT
_NOTE: Final = re.compile(r"((?:(?!— )[^\n]+\n)+\n(?:— [^\n]+\n)+)\n")
_LAST_NOTE: Final = re.compile(rf"(?:\A|\n\n){_NOTE.pattern}\Z")


class Kept(NamedTuple):
    """What lies in the second place."""

    notes: tuple[str, ...]
    """Oldest first; unverified."""
    remainder: str
    """What stands where a note should, and is none; empty in a sound file."""


class CheckpointFile:
    """The checkpoints of one registry in their directory.

    Every method raises Unavailable where the files cannot be read or written, and Refused where one of them is a link,
    no regular file, or open to other users.

    Args:
        directory: Made with the first checkpoint.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self) -> Kept:
        """Every note that is kept."""
        return _take_apart(self._read(NOTES_NAME))

    def keys(self) -> tuple[NoteKey, ...]:
        """The keys that notes are checked with. Raises InvalidInput where one cannot be read."""
        return tuple(map(read_note_key, self._read(KEYS_NAME).splitlines()))

    def last(self) -> str | None:
        """The newest note, unverified; None where none is kept. Costs the same however many there are.

        Raises:
            Unavailable: The end of the file is no note.
        """
        end = self._read(NOTES_NAME, last_bytes=2 * MAX_NOTE_BYTES)
        if not end:
            return None
        found = _LAST_NOTE.search(end)
        if found is None:
            raise Unavailable(
                "trust.checkpoints_damaged",
                f"The end of {NOTES_NAME} is not a checkpoint",
                "See what is left with 'capctl audit verify'; 'capctl audit checkpoint --anew' begins a new file.",
            )
        return found[1]

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep other processes from appending meanwhile; False where one of them is at it. Makes the file."""
        with _told():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._directory / NOTES_NAME, _APPEND_FLAGS, 0o600)
        try:
            yield _lock(descriptor)
        finally:
            os.close(descriptor)

    def append(self, note: str, key: NoteKey) -> None:
        """Add a note, and its key where that is new, on disk before it returns. Only inside `alone`."""
        line = key.to_text()
        if line not in self._read(KEYS_NAME).splitlines():
            self._append(KEYS_NAME, line + "\n")
        self._append(NOTES_NAME, note + "\n")

    def set_aside(self) -> None:
        """Keep what there is under another name, so that a new file begins. Only inside `alone`."""
        with _told():
            path = self._directory / NOTES_NAME
            taken = sum(1 for _ in self._directory.glob(f"{NOTES_NAME}.*"))
            path.rename(path.with_name(f"{NOTES_NAME}.{taken + 1}"))

    def _read(self, name: str, *, last_bytes: int | None = None) -> str:
        with _told():
            try:
                descriptor = os.open(self._directory / name, _FLAGS | os.O_RDONLY)
            except FileNotFoundError:
                return ""
            with os.fdopen(descriptor, "rb") as file:
                _check_private(os.fstat(descriptor), name)
                if last_bytes is not None:
                    file.seek(-min(last_bytes, file.seek(0, os.SEEK_END)), os.SEEK_END)
                return file.read().decode("utf-8", "replace")

    def _append(self, name: str, text: str) -> None:
        with _told():
            descriptor = os.open(self._directory / name, _APPEND_FLAGS, 0o600)
            try:
                status = os.fstat(descriptor)
                _check_private(status, name)
                _write_whole(descriptor, text.encode(), length=status.st_size)
            finally:
                os.close(descriptor)
            if not status.st_size:
                _sync_directory(self._directory)


def _take_apart(text: str) -> Kept:
    notes, reached = [], 0
    while found := _NOTE.match(text, reached):
        notes.append(found[1])
        reached = found.end()
    return Kept(tuple(notes), text[reached:])


def _write_whole(descriptor: int, data: bytes, *, length: int) -> None:
    """Write all of it or, on a full disk, nothing."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, length)
        raise


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_private(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
        raise Refused(
            "trust.checkpoints_exposed",
            f"{name} is no regular file, or open to other users",
            "Find out who had access, and compare it with a copy kept elsewhere; then chmod 600 it.",
        )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "trust.checkpoints_unreachable",
            f"The checkpoints cannot be reached ({error.strerror})",
            "Check checkpoint_dir: it must be a directory that is yours and can be written.",
        ) from error
