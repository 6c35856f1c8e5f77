"""Compiled policies in the registry."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import Conflict, NotFound
from engine.policy.ir import PolicyIR
from engine.ports import PublishedPolicy
from engine.registry import blobs


def published(connection: sqlite3.Connection, policy_id: str) -> PublishedPolicy | None:
    """What a policy id stands for, if for anything."""
    row = connection.execute(
        "SELECT policy_id, policy_hash, ir_hash, published_at FROM policy WHERE policy_id = ?", (policy_id,)
    ).fetchone()
    return None if row is None else _published(row)


def everything_published(connection: sqlite3.Connection) -> Sequence[PublishedPolicy]:
    """Every published policy, by id."""
    rows = connection.execute("SELECT policy_id, policy_hash, ir_hash, published_at FROM policy ORDER BY policy_id")
    return [_published(row) for row in rows]


def publish(connection: sqlite3.Connection, ir: PolicyIR, source: bytes, *, at: datetime) -> PublishedPolicy:
    """Publish a policy under an id that is free.

    Raises:
        Conflict: The id stands for other content already.
    """
    taken = published(connection, ir.policy_id)
    if taken is not None:
        raise Conflict(
            "policy.id_taken",
            f"{ir.policy_id} stands for other content already ({taken.policy_hash}), "
            f"published {to_rfc3339(taken.published_at)}",
            "Publish it under a new id or version; what an id stands for never changes.",
        )
    keep(connection, ir)
    entry = PublishedPolicy(ir.policy_id, ir.policy_hash, ir.ir_hash, at)
    connection.execute(
        "INSERT INTO policy VALUES (?, ?, ?, ?, ?)",
        (entry.policy_id, entry.policy_hash, entry.ir_hash, blobs.put(connection, source), to_rfc3339(at)),
    )
    return entry


def keep(connection: sqlite3.Connection, ir: PolicyIR) -> None:
    """Store an IR under its hash."""
    connection.execute("INSERT OR IGNORE INTO ir VALUES (?, ?)", (ir.ir_hash, blobs.put(connection, ir.canonical)))


def ir_bytes(connection: sqlite3.Connection, ir_hash: str) -> bytes:
    """The canonical bytes of a stored IR. Raises NotFound."""
    row = connection.execute(
        "SELECT digest, content FROM ir JOIN blob USING (digest) WHERE ir_hash = ?", (ir_hash,)
    ).fetchone()
    if row is None:
        raise NotFound(
            "policy.ir_unknown",
            f"No policy with ir_hash {ir_hash} is stored",
            "Compile and publish it, or check the hash.",
        )
    return blobs.checked(*row)


def ir_size(connection: sqlite3.Connection, ir_hash: str) -> int:
    """The size of a stored IR, in bytes; 0 where it is not there."""
    row = connection.execute(
        "SELECT length(content) FROM ir JOIN blob USING (digest) WHERE ir_hash = ?", (ir_hash,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def source(connection: sqlite3.Connection, policy_id: str) -> bytes:
    """The YAML a policy was published from. Raises NotFound."""
    row = connection.execute(
        "SELECT digest, content FROM policy JOIN blob ON digest = source WHERE policy_id = ?", (policy_id,)
    ).fetchone()
    if row is None:
        raise unknown(policy_id)
    return blobs.checked(*row)


def unknown(policy_id: str) -> NotFound:
    """The policy is not published."""
    return NotFound(
        "policy.unknown",
        f"Policy {policy_id} is not published",
        "See capctl policy list, or publish it: capctl policy publish.",
    )


def _published(row: tuple[str, str, str, str]) -> PublishedPolicy:
    policy_id, policy_hash, ir_hash, published_at = row
    return PublishedPolicy(policy_id, policy_hash, ir_hash, from_rfc3339(published_at))
