"""A look at the readiness review that is cheap enough to be taken again and again: it reads, and makes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.ops.results.orr_look import OrrLook, SigningKey
from engine.ops.reviewing import shown_review
from engine.readiness import SignedReadiness
from engine.readiness.reviews import load_review
from engine.readiness.world import hash_bound
from engine.trust.custody import Custody, custody_of
from engine.trust.keyfile import KeyPurpose

if TYPE_CHECKING:
    from engine.context import EngineContext


def look(ctx: EngineContext) -> OrrLook:
    """Look at the review, at its signature, and at what a signature made now would bind.

    Args:
        ctx: In which environment.

    Raises:
        Unavailable: The review, the registry or the chart cannot be read.
        Refused: The keyring is not believed.
    """
    custody = custody_of(ctx)
    readiness = SignedReadiness(ctx.store, custody, ctx.settings)
    kept, world = load_review(ctx.store, ctx.env), readiness.world(ctx.env)
    return OrrLook(
        review=shown_review(ctx, kept, (), readiness),
        is_signed=bool(kept.envelope),
        world=world,
        bound=hash_bound(world, kept.review.revision),
        key=_signing_key(custody),
        makes_key=not ctx.settings.is_production,
    )


def _signing_key(custody: Custody) -> SigningKey | None:
    ring = custody.keyring()
    entry = ring.signing(KeyPurpose.ORR) if ring else None
    if entry is None:
        return None
    return SigningKey(entry.kid, entry.backend_ref.partition(":")[0], custody.needs_passphrase(entry))
