"""The readiness review of a rehearsal: what the demonstration cannot have, two people go without for a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from engine.readiness import load_checklist
from engine.readiness.review import Waiver, judge
from engine.readiness.reviews import Kept, commit_review, load_review

if TYPE_CHECKING:
    from engine.context import EngineContext

LASTS: Final = timedelta(days=1)
REASON: Final = "a rehearsal on one machine: no cluster, no Prometheus, nobody outside who could be asked"
SECOND: Final = "second"
"""Who agrees where nobody is named, in a demonstration in which one person plays everybody."""


def enrol_for_rehearsal(ctx: EngineContext) -> None:
    """Make the keys that the evening will sign with before its review is signed, which holds for one keyring.

    Raises what `Custody.enrol` raises.
    """
    from engine.trust.custody import custody_of
    from engine.trust.keyfile import KeyPurpose

    custody_of(ctx).enrol((KeyPurpose.ORR, KeyPurpose.BACKUP))


def waive_for_rehearsal(ctx: EngineContext, approver: str) -> int:
    """Waive every item of the demonstration's review that is not met, in one step; how many there were.

    Nothing is attested: nobody has given their word for anything.

    Args:
        ctx: The demonstration.
        approver: The second person; `SECOND` where it is empty.

    Raises:
        Held: The approver is the actor.
        Conflict: Somebody else changed the review meanwhile.
    """
    checklist, now, before = load_checklist(), ctx.clock.now(), load_review(ctx.store, ctx.env)
    unmet = [state.item for state in judge(checklist, before.review, now) if not state.standing.is_met]
    actor = ctx.store.pseudonym(ctx.actor)
    waiver = Waiver(actor, ctx.store.pseudonym(approver or SECOND), REASON, now, now + LASTS)
    review = before.review
    for item in unmet:
        review = review.with_waiver(item, waiver)
    if unmet:
        after = Kept(replace(review, revision=before.review.revision + 1), before.envelope)
        commit_review(ctx.store, before, after, action="orr.waive", actor=actor, at=now, reason=REASON)
    return len(unmet)
