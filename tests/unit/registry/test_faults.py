"""What SQLite and the file system report, told to a person."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from engine.errors import Unavailable
from engine.registry import faults

PATH = Path("/srv/somebody/secret-project/capctl.sqlite")


def reported(name: str) -> sqlite3.Error:
    """An error as SQLite reports it; several kinds cannot be brought about without breaking a disk."""
    error = sqlite3.OperationalError("text from below, with /srv/somebody in it")
    error.sqlite_errorname = name
    return error


def os_error(number: int) -> OSError:
    return OSError(number, "text from below", str(PATH))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (reported("SQLITE_BUSY"), "locked"),
        (reported("SQLITE_BUSY_SNAPSHOT"), "locked"),
        (reported("SQLITE_LOCKED"), "locked"),
        (reported("SQLITE_READONLY_DBMOVED"), "read_only"),
        (reported("SQLITE_READONLY"), "read_only"),
        (reported("SQLITE_NOTADB"), "not_a_registry"),
        (reported("SQLITE_CORRUPT_INDEX"), "damaged"),
        (reported("SQLITE_CONSTRAINT_FOREIGNKEY"), "damaged"),
        (reported("SQLITE_FULL"), "disk_full"),
        (reported("SQLITE_CANTOPEN"), "cannot_open"),
        (reported("SQLITE_IOERR_FSYNC"), "io_error"),
        (reported("SQLITE_TOOBIG"), "too_big"),
        (reported("SQLITE_ERROR"), "unexpected"),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), "unexpected"),
        (os_error(errno.EROFS), "read_only"),
        (os_error(errno.ENOSPC), "disk_full"),
        (os_error(errno.EDQUOT), "disk_full"),
        (os_error(errno.EACCES), "unreachable"),
        (os_error(errno.EIO), "unreachable"),
    ],
)
def test_every_fault_is_told_in_two_lines_that_keep_the_machine_private(error: Exception, code: str) -> None:
    with pytest.raises(Unavailable) as caught, faults.told(PATH):
        raise error
    assert caught.value.code == f"registry.{code}"
    assert "capctl.sqlite" in caught.value.message
    told = caught.value.message + caught.value.hint
    assert caught.value.hint
    assert "somebody" not in told
    assert "text from below" not in told


def test_what_is_no_fault_of_the_store_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), faults.told(PATH):
        raise ZeroDivisionError
