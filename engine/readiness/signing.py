"""The signature as it stands: made, read back, and compared with everything it was made for.

Whoever lets something into production asks here. Every question reads the review, the keyring, what is deployed and
the end of the audit trail anew: there is nothing to go stale, and no question takes longer because the trail is longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.errors import InvalidInput, Refused
from engine.ports import Store
from engine.readiness.build import CHART, Build, read_build
from engine.readiness.items import Checklist, load_checklist
from engine.readiness.review import judge
from engine.readiness.reviews import Kept, load_review
from engine.readiness.statement import (
    Statement,
    World,
    changes_since,
    read_statement,
    require_known_chart,
    require_unblocked,
    sign_review,
)
from engine.readiness.trail import LINES_LOOKED_AT, TrailMark, still_leads_to
from engine.readiness.world import observe_world
from engine.settings import Settings
from engine.trust.custody import Custody
from engine.trust.keyfile import KeyPurpose


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and what it is worth now."""

    statement: Statement | None
    """What was signed; None where nobody has, or where the signature itself does not hold."""
    objections: tuple[str, ...]
    """Why it does not hold, a clause each; empty where it does."""

    @property
    def holds(self) -> bool:
        """Whether it is good for going on."""
        return not self.objections


class SignedReadiness:
    """The readiness review as a rollout asks about it. Implements `engine.rollout.authority.Readiness`.

    Args:
        store: Reviews, policies and the audit trail.
        custody: The keys that count, and whoever signs.
        settings: What the release says of itself.
        checklist: What must be true; the one that ships without it.
        trail_lines: How many lines of the audit trail are looked at; None for every one of them.
    """

    def __init__(
        self,
        store: Store,
        custody: Custody,
        settings: Settings,
        *,
        checklist: Checklist | None = None,
        trail_lines: int | None = LINES_LOOKED_AT,
    ) -> None:
        self.checklist = checklist or load_checklist()
        self._store = store
        self._custody = custody
        self._said = Build(settings.release_image, settings.release_chart)
        self._trail_lines = trail_lines

    def objections(self, env: str, policy_id: str, at: datetime) -> Sequence[str]:
        """What speaks against a promotion; empty where a signature that holds covers the policy.

        Raises:
            Unavailable: The review, the registry or the chart cannot be read; nothing is allowed then.
            Refused: The keyring is not believed.
        """
        signature = self.signature(env, load_review(self._store, env), at)
        if signature.statement and policy_id not in signature.statement.world.policies:
            return (*signature.objections, f"{policy_id} was not under review")
        return signature.objections

    def signature(self, env: str, kept: Kept, at: datetime, *, envelope: bytes = b"") -> Signature:
        """What a signature is worth.

        Args:
            env: The environment.
            kept: Its review, with the signature that lies beside it.
            at: Now.
            envelope: Another signature over it, from a file; unverified.

        Raises:
            As `objections`.
        """
        unverified = envelope or kept.envelope
        if not unverified:
            return Signature(None, ("nobody has signed it",))
        try:
            statement = read_statement(unverified, self._custody.accepted(KeyPurpose.ORR))
        except (InvalidInput, Refused) as error:
            return Signature(None, (f"the signature does not count ({error.message[0].lower()}{error.message[1:]})",))
        # Setting the clock back revives no signature: the custody remembers the latest time that was seen.
        now = max(at, self._custody.now())
        changes = changes_since(
            statement,
            self.checklist,
            judge(self.checklist, kept.review, now),
            self.world(env),
            now=now,
            leads_to=self._leads_to,
        )
        return Signature(statement, tuple(changes))

    def world(self, env: str) -> World:
        """What a signature made now would bind. Raises as `objections`."""
        ring = self._custody.keyring()
        build = read_build(self._said, CHART, env)
        return observe_world(env, self._store, build, keyring_version=ring.version if ring else 0)

    def sign(self, env: str, kept: Kept, at: datetime, *, lasts: timedelta) -> bytes:
        """Sign a review for the world as it is.

        Args:
            env: The environment.
            kept: Its review.
            at: Now.
            lasts: How long the signature shall count.

        Returns:
            The DSSE envelope; it is not yet stored.

        Raises:
            Held: Something of high severity is not met, the release does not say which chart it was made of, or there
                is no key to sign with.
            InvalidInput: It would last too long, or not at all.
            Refused: The key is not open to us.
            Unavailable: The key, the registry or the chart cannot be read.
        """
        states = judge(self.checklist, kept.review, at)
        require_unblocked(states)
        # Before the world is looked at: where the key has to be made first, that changes the keyring.
        signer = self._custody.signer(KeyPurpose.ORR)
        world = self.world(env)
        require_known_chart(world)
        return sign_review(self.checklist, states, world, signer, at=at, until=at + lasts)

    def _leads_to(self, mark: TrailMark) -> bool:
        return still_leads_to(self._store, mark, most=self._trail_lines)
