"""The archive's inside: a tar stream that has exactly one spelling, compressed.

    chunks = compress(pack(members, open_member))       # what gets encrypted
    unpack = Unpacker(members, folder)                  # what the decrypted bytes are written to

A reader of tar files has to judge what it meets: absolute names, links, devices, sizes. This one judges nothing: from
the signed list of members it knows every header that must come, and whatever is not that, byte for byte, is refused.
Whoever wants to look inside with `tar` can: it is a PAX archive, its members 0600, owner 0, time 0, sorted by path.

Sources: POSIX.1-2017, pax, "ustar Interchange Format"; RFC 8878 (Zstandard).
"""

from __future__ import annotations

import errno
import tarfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from engine.errors import Refused
from engine.recovery.disk import CHUNK_BYTES, NewFile, told
from engine.recovery.manifest import Member

LEVEL: Final = 3
"""Zstandard's own default: higher levels cost twice the time for a tenth less."""

WORKERS: Final = 2
"""The result is the same for any number of them but none; memory grows with it."""

LARGEST_WINDOW: Final = 8 * 2**20
"""What a reader grants a frame; level 3 asks for 2 MB."""

END: Final = bytes(2 * tarfile.BLOCKSIZE)


def header(path: str, size: int) -> bytes:
    """The one header of a member."""
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.mtime = size, 0o600, 0
    return member.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    """What fills a member up to whole blocks."""
    return bytes(-size % tarfile.BLOCKSIZE)


def pack(
    sizes: Sequence[tuple[str, int]], open_member: Callable[[str], AbstractContextManager[Callable[[int], bytes]]]
) -> Iterator[bytes]:
    """Write the archive.

    Args:
        sizes: Path and size in bytes of each member, in order.
        open_member: Opens a member, and gives a function that reads on: at most so many bytes, none at the end.

    Raises:
        OSError: A member cannot be read, or ends before its size.
    """
    for path, size in sizes:
        yield header(path, size)
        left = size
        with open_member(path) as read:
            while left:
                chunk = read(min(left, CHUNK_BYTES))
                if not chunk:
                    raise OSError(errno.EIO, f"{path} is shorter than it was")
                yield chunk
                left -= len(chunk)
        yield padding(size)
    yield END


def compress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Compress a stream into one Zstandard frame with a checksum. The same bytes make the same bytes."""
    import zstandard

    compressor = zstandard.ZstdCompressor(LEVEL, write_checksum=True, threads=WORKERS).compressobj()
    for chunk in chunks:
        if compressed := compressor.compress(chunk):
            yield compressed
    yield compressor.flush()


class Unpacker:
    """Takes the compressed archive in pieces and makes its files, as the list of members says and in no other way.

    Args:
        members: What must come, in order; already believed.
        folder: Where; nothing outside it is touched.
        count: Told how many bytes of members were written, as it goes.
    """

    def __init__(self, members: Sequence[Member], folder: Path, count: Callable[[int], None]) -> None:
        import zstandard

        self._members = members
        self._folder = folder
        self._count = count
        self._frame = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()
        self._buffer = memoryview(b"")
        self._script = self._unpack()
        next(self._script)
        self._is_done = False

    def write(self, data: bytes) -> int:
        """Take the next piece. Raises Refused where it is not what must come."""
        import zstandard

        if self._frame.eof:
            raise _unlisted("something follows its end")
        try:
            plain = self._frame.decompress(data)
        except zstandard.ZstdError as error:
            raise _unlisted("its compression is damaged") from error
        if self._frame.unused_data:
            raise _unlisted("something follows its end")
        self._feed(plain)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def finish(self) -> None:
        """Say that everything was written. Raises Refused where something is missing."""
        if not self._is_done or not self._frame.eof:
            raise _unlisted("it ends too early")

    def close(self) -> None:
        """Let go of the file that is being written, wherever this stands."""
        self._script.close()

    def _feed(self, plain: bytes) -> None:
        if not plain:
            return
        if self._is_done:
            raise _unlisted("something follows its last member")
        self._buffer = memoryview(plain)
        try:
            self._script.send(None)
        except StopIteration:
            self._is_done = True

    def _unpack(self) -> Generator[None, None, None]:
        yield
        for number, member in enumerate(self._members, start=1):
            what = f"its member {number} is not {member.path} as the manifest lists it"
            yield from self._match(header(member.path, member.size), what)
            yield from self._write(member)
            yield from self._match(padding(member.size), what)
        yield from self._match(END, "it holds more than the manifest lists")
        if self._buffer:
            raise _unlisted("something follows its last member")

    def _write(self, member: Member) -> Generator[None, None, None]:
        path = self._folder / member.path
        with told(f"{member.path} of the backup"):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with NewFile(path) as file:
                while file.size < member.size:
                    piece = yield from self._take(member.size - file.size)
                    file.write(piece)
                    self._count(len(piece))
                if file.sha3 != member.sha3:
                    raise _unlisted(f"{member.path} is not what the manifest lists")
                file.commit()

    def _match(self, expected: bytes, what: str) -> Generator[None, None, None]:
        while expected:
            piece = yield from self._take(len(expected))
            if not expected.startswith(piece):
                raise _unlisted(what)
            expected = expected[len(piece) :]

    def _take(self, most: int) -> Generator[None, None, bytes]:
        while not self._buffer:
            yield
        taken, self._buffer = bytes(self._buffer[:most]), self._buffer[most:]
        return taken


def _unlisted(problem: str) -> Refused:
    return Refused(
        "recovery.archive_unlisted",
        f"The archive is not the one that the manifest describes: {problem}",
        "Nothing of it was kept. Fetch it again from where it is kept, and find out who changed it.",
    )
