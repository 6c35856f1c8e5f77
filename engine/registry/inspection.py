"""Is everything in the registry what it should be: the thorough look, for the doctor and after a restore.

Opening a registry checks nothing of the kind, because start-up is a feature; each document is checked when it is read.
This reads all of them, so it takes as long as reading the whole file does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from engine.audit import verify_chain
from engine.errors import EngineError, InvalidInput
from engine.ids import merkle_root
from engine.registry import audit_log, blobs, cutovers, policies, reference_sets, reviews, rollouts
from engine.registry.faults import Damage


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """Everything that is wrong, one sentence each.

    Args:
        connection: Inside a transaction, so that all is seen at one moment.

    Raises:
        sqlite3.DatabaseError: The file is too damaged to go on.
    """
    unsound = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
    if unsound:
        # Whatever else is read from such a file means nothing.
        yield f"the file is damaged: {unsound[0]}"
        return
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {table} names a row of {parent} that is not there"
    yield from _policies(connection)
    yield from _reference_sets(connection)
    yield from _rollouts(connection)
    yield from _reviews(connection)
    yield from _cutovers(connection)
    yield from _audit(connection)


def _policies(connection: sqlite3.Connection) -> Iterator[str]:
    from engine.policy.reading import read_ir

    for (ir_hash,) in connection.execute("SELECT ir_hash FROM ir ORDER BY ir_hash").fetchall():
        try:
            sound = read_ir(policies.ir_bytes(connection, ir_hash)).ir_hash == ir_hash
        except (Damage, EngineError):
            sound = False
        if not sound:
            yield f"what is stored as {ir_hash} is not that IR"
    for entry in policies.everything_published(connection):
        try:
            policies.source(connection, entry.policy_id)
        except (Damage, EngineError):
            yield f"the source of policy {entry.policy_id} is not what was published"


def _reference_sets(connection: sqlite3.Connection) -> Iterator[str]:
    for entry in reference_sets.everything_listed(connection):
        try:
            digest, content, count = reference_sets.content(connection, entry.root)
            members = reference_sets.decode(blobs.checked(digest, content), count)
            sound = merkle_root(members) == entry.root and len(members) == count
        except (Damage, EngineError, UnicodeDecodeError):
            sound = False
        if not sound:
            yield f"the members of list {entry.name} are not those of its root"


def _rollouts(connection: sqlite3.Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT policy_id, revision, state, evidence, line FROM rollout_change LEFT JOIN audit ON seq = audit_seq"
        " ORDER BY policy_id, revision"
    )
    for policy_id, revision, state, evidence, line in rows.fetchall():
        try:
            stored = rollouts.read_recorded(state, evidence, line)
            if (stored.policy_id, stored.revision) != (policy_id, revision):
                yield f"revision {revision} of the rollout of {policy_id} is stored as another one"
        except InvalidInput as error:
            yield f"revision {revision} of the rollout of {policy_id}: {error.message}"
        except Damage as damage:
            yield f"revision {revision} of the rollout of {policy_id}: {damage}"


def _reviews(connection: sqlite3.Connection) -> Iterator[str]:
    for env in reviews.environments(connection):
        try:
            reviews.current(connection, env)
        except Damage as damage:
            yield str(damage)


def _cutovers(connection: sqlite3.Connection) -> Iterator[str]:
    for env in cutovers.environments(connection):
        try:
            cutovers.current(connection, env)
        except (Damage, EngineError):
            yield f"the cutover of {env} is not what its audit record says"


def _audit(connection: sqlite3.Connection) -> Iterator[str]:
    lines = (line for (line,) in connection.execute("SELECT CAST(line AS BLOB) FROM audit ORDER BY seq"))
    for found in verify_chain(lines, head=audit_log.head(connection)):
        yield f"the audit trail is broken at line {found.position}: {found.problem}"
