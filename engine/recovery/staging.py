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
from contextlib import contextmanager, suppress
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
    with told("A folder for unfinished work"):
        _sweep(parent, label)
        path, owner = _make(parent, label)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(owner)


def _make(parent: Path, label: str) -> tuple[Path, int]:
    """Make a folder and lock it."""
    while True:
        path = parent / f".{label}.{secrets.token_hex(8)}"
        os.mkdir(path, 0o700)  # noqa: PTH102 - beside the other calls that a failing disk is simulated at
        # Somebody who sweeps may take it for abandoned before it is locked; then it is gone, and made again.
        with suppress(FileNotFoundError):
            owner = _open(path)
            fcntl.flock(owner, fcntl.LOCK_EX)
            if path.exists():
                return path, owner
            os.close(owner)


def _sweep(parent: Path, label: str) -> None:
    for left in parent.glob(f".{label}.*"):
        try:
            descriptor = _open(left)
        except FileNotFoundError:  # swept by somebody else
            continue
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
