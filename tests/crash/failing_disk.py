"""A disk that is full, or fails, at the n-th write: of SQLite, or of this program's own files.

SQLite writes through the methods of a VFS (https://sqlite.org/vfs.html). `intercepted` puts itself between the two, as
SQLite's own tests do (test_vfs.c): every call that changes something on disk is counted, and the one that is to fail
answers as the operating system's adapter does for that errno. The calls of the `os` module go by the same count, so a
sweep meets the writes of both in the order in which the program makes them.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_int, c_int64, c_void_p
from enum import Enum
from typing import Any, Final

import pytest

OPEN_CREATE: Final = 0x4
"""SQLITE_OPEN_CREATE."""

CANTOPEN, FULL, IOERR = 14, 13, 10
"""Primary result codes (https://sqlite.org/rescode.html); an extended one is the kind of error << 8 beside them."""


class Fault(Enum):
    """What is wrong with the disk, and how SQLite's adapter reports it, call by call; other calls succeed."""

    FULL = errno.ENOSPC, True
    """From that write on nothing grows; half of that one still fits. What is there can be moved and removed."""
    FAILING = errno.EIO, False
    """That one call fails."""
    GONE = errno.EIO, True
    """From that call on every one fails."""

    def __init__(self, code: int, lasts: bool) -> None:
        self.errno = code
        self.lasts = lasts

    @property
    def codes(self) -> dict[str, int]:
        """What SQLite is told, by call."""
        if self is Fault.FULL:
            return {"create": CANTOPEN, "write": FULL, "shm": IOERR | 19 << 8}
        return {
            "create": CANTOPEN,
            "write": IOERR | 3 << 8,
            "fsync": IOERR | 4 << 8,
            "truncate": IOERR | 6 << 8,
            "delete": IOERR | 10 << 8,
            "shm": IOERR | 21 << 8,
        }

    @property
    def calls(self) -> frozenset[str]:
        """Names of the functions of `os` that fail."""
        growing = frozenset({"open", "write", "mkdir", "link"})
        return growing if self is Fault.FULL else growing | {"fsync", "rename", "ftruncate", "unlink"}


class FailingDisk:
    """Counts what changes something on disk, and fails as told. One at a time, inside `intercepted`.

    Args:
        fault: What is wrong.
        number: Which call is the first to fail; the calls that cannot fail in this way do not count.
    """

    current: FailingDisk | None = None

    def __init__(self, fault: Fault, number: int) -> None:
        self.fault = fault
        self.number = number
        self.calls = 0

    @property
    def has_failed(self) -> bool:
        """Whether it came to that call."""
        return self.calls >= self.number

    def fails(self) -> bool:
        """Count a call; whether it is one that fails."""
        self.calls += 1
        return self.has_failed if self.fault.lasts else self.calls == self.number

    def is_first(self) -> bool:
        """Whether the call that was just counted is the first that failed."""
        return self.calls == self.number

    def sqlite_code(self, call: str) -> int:
        """What a call of SQLite's is to answer instead of doing anything; 0 where it is to be done."""
        code = self.fault.codes.get(call)
        return code if code and self.fails() else 0

    @contextmanager
    def in_place(self) -> Iterator[FailingDisk]:
        """Put it under this process."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            for name in self.fault.calls:
                monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))
            FailingDisk.current = self
            try:
                yield self
            finally:
                FailingDisk.current = None

    def _failing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if (name == "open" and not _creates(*arguments)) or not self.fails():
                return real(*arguments, **named)
            if name == "write" and self.is_first():
                descriptor, data = arguments
                real(descriptor, data[: len(data) // 2])
            raise OSError(self.fault.errno, os.strerror(self.fault.errno))

        return call


def _creates(path: Any, flags: int, *_: Any) -> bool:
    return bool(flags & os.O_CREAT) and not os.path.lexists(path)


# SQLite's side: the structures of sqlite3.h.


class _File(Structure):
    _fields_ = (("methods", c_void_p),)


_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_SHM_MAP = CFUNCTYPE(c_int, c_void_p, c_int, c_int, c_int, c_void_p)
# Names are passed on as addresses: SQLite keeps more behind their end.
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(_File), c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class _Methods(Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = (
        ("version", c_int),
        *((name, c_void_p) for name in ("close", "read")),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        *((name, c_void_p) for name in ("file_size", "lock", "unlock", "check_reserved_lock", "file_control")),
        *((name, c_void_p) for name in ("sector_size", "device_characteristics")),
        ("shm_map", _SHM_MAP),
        *((name, c_void_p) for name in ("shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch")),
    )


class _Vfs(Structure):
    """The beginning of sqlite3_vfs."""

    _fields_ = (
        *((name, c_int) for name in ("version", "file_bytes", "longest_path")),
        *((name, c_void_p) for name in ("next", "name", "data")),
        ("open", _OPEN),
        ("delete", _DELETE),
    )


_METHODS: Final[dict[int, _Methods]] = {}
"""The methods with the disk in between, by the address of the real ones. Never freed: open files point to them."""


@contextmanager
def intercepted() -> Iterator[None]:
    """Put `FailingDisk.current` under every file that SQLite opens inside the block, from whatever thread."""
    library = ctypes.CDLL(_sqlite3.__file__)  # linked with the very SQLite that the program uses
    library.sqlite3_vfs_find.restype = POINTER(_Vfs)
    vfs = library.sqlite3_vfs_find(None).contents
    real_open, real_delete = (kind(ctypes.cast(call, c_void_p).value) for kind, call in _entries(vfs))

    def open_file(own: int, name: int | None, file: Any, flags: int, out: int) -> int:
        is_new = bool(flags & OPEN_CREATE) and not (name and os.path.lexists(ctypes.string_at(name)))
        if is_new and (code := _code("create")):
            file.contents.methods = None
            return code
        code = int(real_open(own, name, file, flags, out))
        if code == 0:
            file.contents.methods = ctypes.addressof(_between(file.contents.methods))
        return code

    hooks = _OPEN(open_file), _DELETE(lambda own, name, sync: _code("delete") or real_delete(own, name, sync))
    vfs.open, vfs.delete = hooks
    try:
        yield
    finally:
        vfs.open, vfs.delete = real_open, real_delete


def _entries(vfs: _Vfs) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    return (_OPEN, vfs.open), (_DELETE, vfs.delete)


def _code(call: str) -> int:
    disk = FailingDisk.current
    return disk.sqlite_code(call) if disk else 0


def _between(address: int) -> _Methods:
    """The methods at an address, with the disk in between."""
    if address in _METHODS:
        return _METHODS[address]
    real, changed = _Methods.from_address(address), _Methods()
    ctypes.pointer(changed)[0] = real

    def write(file: int, data: int, size: int, offset: int) -> int:
        if code := _code("write"):
            if FailingDisk.current and FailingDisk.current.is_first():
                real.write(file, data, size // 2, offset)
            return code
        return int(real.write(file, data, size, offset))

    def shm_map(file: int, region: int, size: int, extends: int, out: int) -> int:
        code = _code("shm") if extends else 0
        return code or int(real.shm_map(file, region, size, extends, out))

    changed.write = _WRITE(write)
    changed.truncate = _TRUNCATE(lambda file, size: _code("truncate") or real.truncate(file, size))
    changed.sync = _SYNC(lambda file, flags: _code("fsync") or real.sync(file, flags))
    changed.shm_map = _SHM_MAP(shm_map)
    _METHODS[address] = changed
    return changed
