"""The plain files that go into an archive, hashed as they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.ids import HASH_PREFIX
from engine.recovery.beside import Beside
from engine.recovery.manifest import Member


class Members:
    """The files of a folder that nobody else writes to.

    Args:
        folder: Every file in it and below is a member.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        found = (path for path in folder.rglob("*") if path.is_file())
        self._sizes = sorted((path.relative_to(folder).as_posix(), path.stat().st_size) for path in found)
        self._digests = {path: hashlib.sha3_256() for path, _ in self._sizes}

    def sizes(self) -> list[tuple[str, int]]:
        """Path and size in bytes of each, sorted by path."""
        return self._sizes

    @contextmanager
    def open(self, path: str) -> Iterator[Callable[[int], bytes]]:
        """Read one of them: a function that gives the next bytes, at most so many."""
        digest, beside = self._digests[path], Beside()
        with (self._folder / path).open("rb", buffering=0) as file:

            def read(most: int) -> bytes:
                chunk = file.read(most)
                beside.do(digest.update, chunk)
                return chunk

            try:
                yield read
                beside.wait()
            finally:
                beside.stop()

    def listed(self) -> tuple[Member, ...]:
        """What the manifest says of them, once each was read to its end."""
        return tuple(Member(path, size, HASH_PREFIX + self._digests[path].hexdigest()) for path, size in self._sizes)
