"""The reviews of the environments, as they are kept: loaded whole, changed one revision at a time.

    kept = load_review(store, "prod")
    after = Kept(kept.review.with_findings(found), kept.envelope)
    commit_review(store, kept, after, action="orr.check", actor=pseudonym, at=clock.now())

A review and its signature lie side by side: a change of the review keeps the signature, because what has changed since
it was made is exactly what people ask next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.audit import AuditEvent
from engine.errors import Unavailable
from engine.ids import hash_bytes
from engine.ports import ReadinessStore, StoredReview
from engine.readiness.codec import read_review, write_review
from engine.readiness.review import Review


@dataclass(frozen=True, slots=True)
class Kept:
    """A review with the signature that was made over some earlier revision of it."""

    review: Review
    envelope: bytes = b""
    """Unverified; empty where nobody has signed."""


def load_review(store: ReadinessStore, env: str) -> Kept:
    """An environment's review; an empty one where nobody has begun.

    Raises:
        Unavailable: What is stored is not what was recorded, or belongs to another environment.
        InvalidInput: It was written by another version.
    """
    stored = store.review(env)
    if stored is None:
        return Kept(Review(env))
    review = read_review(stored.document)
    if (review.env, review.revision) != (env, stored.revision):
        raise Unavailable(
            "orr.review_misplaced", f"Another review is stored as that of {env}", "Restore it from a backup."
        )
    return Kept(review, stored.envelope)


def commit_review(
    store: ReadinessStore, before: Kept, after: Kept, *, action: str, actor: str, at: datetime, reason: str = ""
) -> None:
    """Make a review the current one, together with its audit record.

    Args:
        store: Where it is kept.
        before: What the change rests on.
        after: One revision further.
        action: What the audit trail calls the change.
        actor: A pseudonym.
        at: When.
        reason: What the actor gave as the reason; its hash goes into the trail.

    Raises:
        Conflict: Somebody else changed it meanwhile.
        Unavailable: It cannot be stored.
    """
    review = after.review
    store.commit_review(
        StoredReview(review.env, review.revision, write_review(review), after.envelope),
        expected_revision=before.review.revision,
        audit=AuditEvent(action, "done", actor, reason=hash_bytes(reason.encode()) if reason else ""),
        at=at,
    )
