"""Readiness reviews in the registry: one document an environment, and the signature over it.

The audit record of a change holds the hash of the document and of its signature. Whenever a review is read it is
compared with that record: what lets a rollout into production must not change by a flipped bit, nor by somebody with an
editor.
"""

from __future__ import annotations

import sqlite3

from engine.audit import AuditRecord
from engine.canonical import strict_json
from engine.errors import Conflict, InvalidInput
from engine.ids import hash_bytes
from engine.ports import StoredReview
from engine.registry.faults import Damage


def current(connection: sqlite3.Connection, env: str) -> StoredReview | None:
    """An environment's review; None where nobody has begun one.

    Raises:
        Damage: It is not what its audit record says.
    """
    # Cast, because whoever edits a row by hand may leave text behind: that is to be refused, not stumbled over.
    row = connection.execute(
        "SELECT CAST(revision AS INTEGER), CAST(document AS BLOB), CAST(envelope AS BLOB), line"
        " FROM review LEFT JOIN audit ON seq = audit_seq WHERE env = ?",
        (env,),
    ).fetchone()
    if row is None:
        return None
    revision, document, envelope, line = row
    review = StoredReview(env, revision, document, envelope)
    if line is None or _told_by(line) != (env, review.revision, sealed(review)):
        raise Damage(f"the readiness review of {env} is not what its audit record says")
    return review


def check_expected(connection: sqlite3.Connection, review: StoredReview, expected_revision: int) -> None:
    """Refuse a change that rests on a review that is not the current one. Raises Conflict."""
    now = current(connection, review.env)
    stored = now.revision if now else 0
    if stored != expected_revision:
        raise Conflict(
            "orr.revision_conflict",
            f"Somebody else changed the readiness review of {review.env} meanwhile: it is at revision {stored}",
            "Look again (capctl orr show), then decide anew.",
        )
    if review.revision != expected_revision + 1:
        raise ValueError(f"revision {review.revision} does not follow {expected_revision}")


def sealed(review: StoredReview) -> str:
    """What the audit record of a change says of it."""
    # Canonical parts, with their names in order, make the canonical whole.
    return hash_bytes(b'{"document":%b,"signed":%b}' % (review.document, review.envelope or b"null"))


def put(connection: sqlite3.Connection, review: StoredReview, record: AuditRecord) -> None:
    """Make a review the current one."""
    connection.execute(
        "INSERT INTO review VALUES (?, ?, ?, ?, ?) ON CONFLICT (env) DO UPDATE SET revision = excluded.revision,"
        " document = excluded.document, envelope = excluded.envelope, audit_seq = excluded.audit_seq",
        (review.env, review.revision, review.document, review.envelope, record.seq),
    )


def environments(connection: sqlite3.Connection) -> list[str]:
    """The environments that have a review."""
    return [str(env) for (env,) in connection.execute("SELECT env FROM review ORDER BY env")]


def _told_by(line: bytes) -> tuple[object, object, object]:
    """What an audit line says it is about. Whether the line itself is sound is the chain's business."""
    try:
        record = strict_json(line, what="the audit record")
    except InvalidInput as error:
        raise Damage(error.message) from error
    if not isinstance(record, dict):
        return None, None, None
    return record.get("object"), record.get("revision"), record.get("evidence")
