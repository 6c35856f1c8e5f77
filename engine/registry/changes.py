"""The change counter: what lets a process notice cheaply that another one has changed something."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from engine.registry.schema import CHANGE, meta

START_BYTES: Final = 6
"""Registries count from different random starts, so that one restored under the name of another differs from it."""


def start(random_bytes: Callable[[int], bytes]) -> int:
    """Where a new registry starts to count."""
    return int.from_bytes(random_bytes(START_BYTES))


def counted(connection: sqlite3.Connection) -> int:
    """How far it has counted."""
    return int(meta(connection, CHANGE))


def count(connection: sqlite3.Connection) -> None:
    """Count a change to policies, reference sets or rollouts, in that change's own transaction."""
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = ?", (CHANGE,))
