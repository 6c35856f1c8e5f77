"""The keyring's versions in the registry, and which of them each verifier goes by.

A version is stored with the record that tells of it, and neither is ever changed. Whether a version is to be believed
is not decided here: see `engine.trust.keeper`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.audit import AuditRecord
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import Conflict
from engine.ports import ReplicaKeys


def versions(connection: sqlite3.Connection, *, after: int) -> Sequence[bytes]:
    """The envelopes of the versions above one, oldest first."""
    rows = connection.execute("SELECT envelope FROM keyring WHERE version > ? ORDER BY version", (after,))
    return [bytes(envelope) for (envelope,) in rows]


def newest(connection: sqlite3.Connection) -> int:
    """The newest version; 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(version), 0) FROM keyring").fetchone()[0])


def check_next(connection: sqlite3.Connection, version: int) -> None:
    """Refuse a version that does not follow the newest one. Raises Conflict."""
    stored = newest(connection)
    if version != stored + 1:
        raise Conflict(
            "keys.revision_conflict",
            f"Somebody else changed the keyring meanwhile: it is at version {stored}",
            "Look again (capctl keys status), then decide anew.",
        )


def add(connection: sqlite3.Connection, version: int, envelope: bytes, record: AuditRecord) -> None:
    """Add a version."""
    connection.execute("INSERT INTO keyring VALUES (?, ?, ?)", (version, envelope, record.seq))


def report(connection: sqlite3.Connection, said: ReplicaKeys) -> None:
    """Replace what a replica last said."""
    connection.execute(
        "INSERT INTO replica VALUES (?, ?, ?) ON CONFLICT (name)"
        " DO UPDATE SET keyring_version = excluded.keyring_version, at = excluded.at",
        (said.replica, said.keyring_version, to_rfc3339(said.at)),
    )


def forget(connection: sqlite3.Connection, replica: str) -> None:
    """Drop what a replica said."""
    connection.execute("DELETE FROM replica WHERE name = ?", (replica,))


def reports(connection: sqlite3.Connection) -> Sequence[ReplicaKeys]:
    """What every replica last said, by name."""
    rows = connection.execute("SELECT name, keyring_version, at FROM replica ORDER BY name")
    return [ReplicaKeys(name, version, from_rfc3339(at)) for name, version, at in rows]
