"""What SQLite and the file system report, told to a person: what is wrong with which file, and what to do.

The file is named without its directory: messages end up in logs, and `capctl doctor` shows the whole path on request.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import EngineError, Unavailable

WAL_WRITE_LOCK_BYTE = 120
"""Where the one writer locks the `-shm` file (https://sqlite.org/walformat.html, section 2.3.1)."""


class Damage(Exception):
    """What was read is not what was written. The text says what it is about, in words for people."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn damage, and errors of SQLite and the file system, inside the block into errors for people."""
    try:
        yield
    except Damage as damage:
        raise damaged(path, str(damage)) from damage
    except sqlite3.Error as error:
        raise describe(error, path) from error
    except OSError as error:
        raise _describe_os_error(error, path) from error


def describe(error: sqlite3.Error, path: Path) -> EngineError:
    """The error for people that an error of SQLite means."""
    # An error that SQLite itself did not raise has no code; the module's own are all misuse, hence unexpected.
    name = getattr(error, "sqlite_errorname", "")
    match name.split("_")[1:2]:
        case ["BUSY" | "LOCKED"]:
            return locked(path)
        case ["READONLY" | "PERM" | "AUTH"]:
            return read_only(path)
        case ["NOTADB"]:
            return not_a_registry(path)
        case ["CORRUPT" | "FORMAT" | "CONSTRAINT"]:
            # Every constraint is checked before it can fail: one that fails meets rows that nobody here wrote.
            return damaged(path)
        case ["FULL"]:
            return disk_full(path)
        case ["CANTOPEN"]:
            return Unavailable(
                "registry.cannot_open",
                f"{path.name} cannot be opened",
                "Check that the disk has room, and that the file, its directory and its -wal and -shm are yours.",
            )
        case ["IOERR"]:
            return Unavailable(
                "registry.io_error",
                f"{path.name} cannot be read or written: the disk reports an error",
                "Check the disk and its free space; nothing of this change was kept.",
            )
        case ["TOOBIG"]:
            return Unavailable(
                "registry.too_big", f"{path.name} cannot hold something this large", "Split it into smaller parts."
            )
    return Unavailable("registry.unexpected", f"{path.name} does not answer as a registry should", "Run capctl doctor.")


def _describe_os_error(error: OSError, path: Path) -> EngineError:
    if error.errno == errno.EROFS:
        return read_only(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    return Unavailable(
        "registry.unreachable",
        f"{path.name} cannot be reached: {os.strerror(error.errno or 0)}",
        "Check the state directory (CAPCTL_STATE_DIR): it must be a directory, and yours.",
    )


def absent(path: Path) -> Unavailable:
    """There is none yet."""
    return Unavailable(
        "registry.absent",
        f"There is no {path.name} yet",
        "Publish a policy first, or name the state directory that has one (CAPCTL_STATE_DIR).",
    )


def locked(path: Path) -> Unavailable:
    """Somebody else has been writing for longer than anybody should."""
    holder = _writer(path)
    return Unavailable(
        "registry.locked",
        f"{path.name} is locked: {holder or 'another process'} is writing to it",
        "Try again; if it stays so, end that process or wait for its backup or import to finish.",
    )


def read_only(path: Path) -> Unavailable:
    """It cannot be written to."""
    return Unavailable(
        "registry.read_only",
        f"{path.name} is read-only",
        "Make the file and its directory writable for this user, or name another state directory (CAPCTL_STATE_DIR).",
    )


def disk_full(path: Path) -> Unavailable:
    """There is no room for the change."""
    return Unavailable(
        "registry.disk_full",
        f"{path.name} cannot grow: the disk is full",
        "Make space; nothing of this change was kept.",
    )


def not_a_registry(path: Path) -> Unavailable:
    """It is a file of something else."""
    return Unavailable(
        "registry.not_a_registry",
        f"{path.name} is not a capctl registry",
        "Move that file away, or name another state directory (CAPCTL_STATE_DIR).",
    )


def damaged(path: Path, what: str = "") -> Unavailable:
    """Its content is not what was written."""
    return Unavailable(
        "registry.damaged",
        f"{path.name} is damaged" + (f": {what}" if what else ""),
        "Restore it from a backup; capctl doctor tells how far the damage goes.",
    )


def newer(path: Path, version: int) -> Unavailable:
    """A later release wrote it."""
    return Unavailable(
        "registry.newer_version",
        f"{path.name} has layout {version}, from a newer capctl than this one",
        "Upgrade capctl, or name another state directory (CAPCTL_STATE_DIR).",
    )


def older(path: Path, version: int) -> Unavailable:
    """An earlier release wrote it, and it may not be brought up to date here."""
    return Unavailable(
        "registry.older_version",
        f"{path.name} has layout {version}, from an older capctl than this one, and cannot be written to here",
        "Open it once where it may be written: capctl status, without --read-only.",
    )


def _writer(path: Path) -> str:
    """Who holds the write lock, `process 1234 (capctl)`; empty where the system does not tell."""
    try:
        inode = path.with_name(path.name + "-shm").stat().st_ino
        locks = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return ""
    for line in locks:
        # 1: POSIX  ADVISORY  WRITE 1234 fe:01:5678 120 120   (proc_locks(5))
        fields = line.split()
        if len(fields) == 8 and fields[3] == "WRITE" and fields[5].endswith(f":{inode}"):
            first, last = int(fields[6]), fields[7]
            if first <= WAL_WRITE_LOCK_BYTE and (last == "EOF" or int(last) >= WAL_WRITE_LOCK_BYTE):
                return _process(fields[4])
    return ""


def _process(pid: str) -> str:
    if not pid.isdigit() or pid == "0":  # outside of this container
        return ""
    try:
        return f"process {pid} ({Path('/proc', pid, 'comm').read_text('utf-8', 'replace').strip()})"
    except OSError:
        return f"process {pid}"
