"""How many rows were seen to stand in SAP, for metrics: read from the ledger of write-backs by who shares its disk.

The adapter is a command and is gone when Prometheus comes; what it has confirmed stays in its ledger.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

STATUSES: Final = ("OK", "WARN", "FAIL")


class WrittenRows:
    """Counts confirmed rows by the status that was written. For one thread.

    Args:
        path: The ledger's file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._version = -1
        self.by_status = dict.fromkeys(STATUSES, 0)
        """As last read. A row counts once it was read back and equal, and never again when it is overwritten."""

    def read(self) -> None:
        """Count again if anything was committed since; leave the counts as they are where the ledger cannot be read."""
        try:
            self._read()
        except sqlite3.Error:
            self.close()

    def close(self) -> None:
        """Close the ledger, if it is open."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _read(self) -> None:
        if self._database is None:
            if not self._path.exists():
                return
            self._database = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=1)
            self._version = -1
        (version,) = self._database.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version = version
            self.by_status |= dict(
                self._database.execute(
                    "SELECT json_extract(payload, '$.Status'), count(*) FROM entry WHERE state = 'confirmed' GROUP BY 1"
                )
            )
