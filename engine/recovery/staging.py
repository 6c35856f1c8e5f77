"""Folders for what is not finished: hidden, private, and gone with the process that made them, however it ended.

A folder is locked by its process for as long as that lives (the kernel gives the lock up, not the program), so whoever
comes next can tell what was abandoned and clears it away. What is finished leaves the folder by one rename.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.recovery.disk import told


@contextmanager
def staging(parent: Path, label: str) -> Iterator[Path]:
    """Make an unfinished folder in `parent`, and remove it at the end of the block unless it was renamed.

    Args:
        parent: An existing directory, on the file system where the result will lie.
        label: What it is for; folders of the same label that a dead process left are removed.

    Raises:
        Unavailable: It cannot be made.
    """
    with told("A folder for unfinished work"), _locked(parent):
        _sweep(parent, label)
        path = parent / f".{label}.{secrets.token_hex(8)}"
        os.mkdir(path, 0o700)  # noqa: PTH102 - beside the other calls that a failing disk is simulated at
        owner = _open(path)
        fcntl.flock(owner, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(owner)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other processes from sweeping a folder that was made and is not locked yet."""
    descriptor = _open(directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(parent: Path, label: str) -> None:
    for left in parent.glob(f".{label}.*"):
        descriptor = _open(left)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(descriptor)


def _open(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
