"""A look at the readiness review that is cheap enough to be taken again and again: it reads, and makes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.ops.results.orr_look import OrrLook, SigningKey
from engine.ops.reviewing import shown_review
from engine.readiness import SignedReadiness
from engine.readiness.reviews import load_review
from engine.readiness.world import hash_bound, trail_root_at
from engine.trust.custody import Custody, custody_of
from engine.trust.keyfile import KeyPurpose

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ports import AuditLog

RECOUNT_S: Final = 60.0
"""For so long a root that was computed is believed. Whoever lets something into production computes it anew."""


class RememberedRoots:
    """The trail's root at the size that was signed, remembered for a while: computing it reads every line up to there.

    A line takes some 5 µs, so a trail of 100,000 records would cost half a second of every look.
    """

    def __init__(self) -> None:
        self._known: tuple[int, str | None] = (-1, None)
        self._since_s = float("-inf")

    def at(self, trail: AuditLog, size: int, now_s: float) -> str | None:
        """The root at a size; None where the trail is shorter.

        Args:
            trail: Its lines are read where nothing is remembered.
            size: In records.
            now_s: Monotonic time.
        """
        if self._known[0] != size or not 0 <= now_s - self._since_s < RECOUNT_S:
            self._known, self._since_s = (size, trail_root_at(trail)(size)), now_s
        return self._known[1]


def look(ctx: EngineContext, roots: RememberedRoots) -> OrrLook:
    """Look at the review, at its signature, and at what a signature made now would bind.

    Args:
        ctx: In which environment.
        roots: What the looks before have computed.

    Raises:
        Unavailable: The review, the registry or the chart cannot be read.
        Refused: The keyring is not believed.
    """
    custody, now_s = custody_of(ctx), ctx.clock.monotonic()
    readiness = SignedReadiness(ctx.store, custody, root_at=lambda size: roots.at(ctx.store, size, now_s))
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
