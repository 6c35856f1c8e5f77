"""The tables of the embedded registry, and how a file is recognised as one.

Invariants that the tables themselves hold, whoever writes to them:

- the audit trail, the history of a rollout and the versions of the keyring only ever grow;
- a rollout's current state is one of its recorded changes, and every change names its audit record;
- a rollout names a candidate, and a policy an IR, only when the IR is stored.

Content (IRs, policy sources, member lists) lies in `blob` under the digest of its bytes, see `blobs`. Only SQL that
SQLite 3.26 understands is used: that is what the oldest supported distributions link Python 3.11 against.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from engine.audit import EMPTY, EMPTY_TREE
from engine.registry.faults import Damage

APPLICATION_ID: Final = 0x63617063
"""`capc`: in the file's header, so that a file of another program is not mistaken for a registry."""

VERSION: Final = 4
"""Layout of the tables, in the file's header. A file with a higher one is refused, never guessed at; one with a lower
one is brought up to date."""

CHANGE: Final = "change"
"""Counts committed changes to policies, reference sets and rollouts, from a random start."""

ACTOR_SECRET: Final = "actor_secret"  # noqa: S105 - the name of a row, not a secret
"""Key of the actors' pseudonyms."""

AUDIT_SEQ: Final = "audit_seq"
"""How many records the audit chain has."""

AUDIT_HASH: Final = "audit_hash"
"""Of the chain's last record."""

AUDIT_TREE: Final = "audit_tree"
"""The compact range of the tree over the chain's lines."""

AUDIT_CHECKPOINT: Final = "audit_checkpoint"
"""The latest signed checkpoint, a note; absent before the first."""

AUDIT_CHECKPOINT_TREE: Final = "audit_checkpoint_tree"
"""The compact range of the tree that it commits to."""


def _keeps_every_row(table: str) -> tuple[str, ...]:
    return tuple(
        f"""CREATE TRIGGER {table}_keeps_every_row_{event.lower()} BEFORE {event} ON {table}
        BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"""
        for event in ("UPDATE", "DELETE")
    )


SINCE_VERSION_2: Final = (
    """CREATE TABLE keyring (
        version INTEGER PRIMARY KEY,
        envelope BLOB NOT NULL,
        audit_seq INTEGER NOT NULL REFERENCES audit
    )""",
    """CREATE TABLE entry (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        envelope BLOB NOT NULL,
        UNIQUE (kind, subject)
    )""",
    """CREATE TABLE replica (
        name TEXT PRIMARY KEY,
        keyring_version INTEGER NOT NULL,
        at TEXT NOT NULL
    )""",
    *_keeps_every_row("keyring"),
)
"""Keys, and what is signed with them."""

SINCE_VERSION_3: Final = (
    """CREATE TABLE review (
        env TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        document BLOB NOT NULL,
        envelope BLOB NOT NULL,
        audit_seq INTEGER NOT NULL REFERENCES audit
    )""",
)
"""Readiness reviews."""

SINCE_VERSION_4: Final = (
    """CREATE TABLE cutover (
        env TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        document BLOB NOT NULL,
        audit_seq INTEGER NOT NULL REFERENCES audit
    )""",
    """CREATE TABLE cutover_lease (
        env TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        actor TEXT NOT NULL,
        step TEXT NOT NULL,
        since TEXT NOT NULL,
        beat INTEGER NOT NULL,
        at TEXT NOT NULL
    )""",
)
"""Cutovers, and who works on them."""

_ADDED: Final = {2: SINCE_VERSION_2, 3: SINCE_VERSION_3, 4: SINCE_VERSION_4}
"""What each layout added to the one before."""

TABLES: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE blob (digest TEXT PRIMARY KEY, content BLOB NOT NULL)",
    """CREATE TABLE ir (
        ir_hash TEXT PRIMARY KEY,
        digest TEXT NOT NULL REFERENCES blob
    )""",
    """CREATE TABLE policy (
        policy_id TEXT PRIMARY KEY,
        policy_hash TEXT NOT NULL,
        ir_hash TEXT NOT NULL REFERENCES ir,
        source TEXT NOT NULL REFERENCES blob,
        published_at TEXT NOT NULL
    )""",
    """CREATE TABLE reference_set (
        root TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        count INTEGER NOT NULL,
        members TEXT NOT NULL REFERENCES blob,
        imported_at TEXT NOT NULL
    )""",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        line BLOB NOT NULL
    )""",
    """CREATE TABLE rollout_change (
        policy_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        action TEXT NOT NULL,
        state BLOB NOT NULL,
        evidence BLOB NOT NULL,
        candidate TEXT REFERENCES ir,
        audit_seq INTEGER NOT NULL REFERENCES audit,
        PRIMARY KEY (policy_id, revision)
    )""",
    """CREATE TABLE rollout (
        policy_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        FOREIGN KEY (policy_id, revision) REFERENCES rollout_change
    )""",
    """CREATE TABLE evidence (
        policy_id TEXT NOT NULL,
        replica TEXT NOT NULL,
        at TEXT NOT NULL,
        sample BLOB NOT NULL,
        PRIMARY KEY (policy_id, replica)
    )""",
    # The only table with names of people; everything else knows actors by pseudonym.
    """CREATE TABLE actor (
        pseudonym TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        first_seen TEXT NOT NULL
    )""",
    *_keeps_every_row("audit"),
    *_keeps_every_row("rollout_change"),
    *SINCE_VERSION_2,
    *SINCE_VERSION_3,
    *SINCE_VERSION_4,
)


def meta(connection: sqlite3.Connection, name: str) -> Any:
    """What the registry holds under one of the names above.

    Raises:
        Damage: It is gone: every registry is made with all of them.
    """
    value = optional(connection, name)
    if value is None:
        raise Damage(f"the row {name} is missing")
    return value


def optional(connection: sqlite3.Connection, name: str) -> Any:
    """What the registry holds under a name that may be absent, else None."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def create(connection: sqlite3.Connection, *, change: int, actor_secret: bytes) -> None:
    """Make an empty registry of an empty database, in the transaction that is open.

    Args:
        connection: Inside a write transaction.
        change: Where the change counter starts.
        actor_secret: Key of the pseudonyms.
    """
    for statement in TABLES:
        connection.execute(statement)
    rows = [
        (CHANGE, change),
        (ACTOR_SECRET, actor_secret),
        (AUDIT_SEQ, EMPTY.seq),
        (AUDIT_HASH, EMPTY.hash),
        (AUDIT_TREE, EMPTY_TREE.to_bytes()),
    ]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables of an older release up to date, in the transaction that is open.

    What a registry of the first layout holds was never signed; `capctl keys init` signs it, or publishing it again.

    Args:
        connection: Inside a write transaction.
        version: Of the layout that is there.
    """
    for added in range(version + 1, VERSION + 1):
        for statement in _ADDED[added]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
