"""A process that records as fast as it can, with a checkpoint due every few records, until it is killed.

    python -m tests.crash.checkpoint_writer FOLDER

Each line on stdout is one acknowledged record's number.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.clock import SystemClock
from engine.ports import AuditLog, AuditWitness
from engine.registry import SqliteStore
from engine.trust import checkpointing
from engine.trust.checkpoint_file import CheckpointFile
from tests.samples.stored import make_event

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def open_store(folder: Path) -> SqliteStore:
    """The registry in a folder, with its second place beside it."""
    clock = SystemClock()

    def open_witness(trail: AuditLog) -> AuditWitness:
        return checkpointing.CheckpointWitness(trail, CheckpointFile(folder / "kept"), lambda: KEY, clock)

    return SqliteStore(folder / "store", clock, open_witness=open_witness)


def main(folder: Path) -> None:
    """Record for ever."""
    checkpointing.MOST_RECORDS = 3  # type: ignore[misc] # so that death often comes between record and checkpoint
    store = open_store(folder)
    while True:
        sys.stdout.write(f"{store.append_audit(make_event(), at=SystemClock().now()).seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
