"""Rotations made to happen: keys made and tried out, gates asked, the keyring changed, statements signed again.

Each step does what lies outside first and reads it back, then changes the keyring and the audit trail in one
transaction. Whoever dies in between leaves a key that no keyring names: it is listed as an orphan and never taken up,
because nobody knows who else has it. What follows a change (signing again, destroying keys that ended with it) can be
repeated, and is finished by taking the step again, or by the end of the next rotation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.context import Progress, ignore_progress
from engine.errors import EngineError, Held, Unavailable
from engine.ports import ReplicaKeys, SignedEntry
from engine.settings import Settings
from engine.trust import rotation
from engine.trust.challenge import challenge
from engine.trust.custody import Custody
from engine.trust.dsse import countersign, signed_by, unseal
from engine.trust.jwk import PublicKey
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KeyEntry, Keyring, KeyStatus, Phase
from engine.trust.remains import destroy, undestroyed
from engine.trust.rotation import Reason, Step
from engine.trust.rotation_gates import Evidence, Requirement, requirements

BATCH: Final = 256
"""Statements that are signed again in one transaction."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a purpose's rotation stands, and on what evidence it may go on."""

    ring: Keyring
    purpose: KeyPurpose
    phase: Phase
    requirements: tuple[Requirement, ...]
    """Of the next step."""
    replicas: tuple[ReplicaKeys, ...]
    entries: int
    entries_left: int
    now: datetime


class Rotations:
    """Carries rotations out.

    Args:
        custody: The environment's keys.
        settings: Say how long a key is announced, and how long the old one is accepted.
        random_bytes: Source of challenges.
        emit: Where progress goes.
        rehearsing: Ask every gate and change nothing.
    """

    def __init__(
        self,
        custody: Custody,
        settings: Settings,
        random_bytes: Callable[[int], bytes],
        *,
        emit: Callable[[Progress], None] = ignore_progress,
        rehearsing: bool = False,
    ) -> None:
        self._custody = custody
        self._settings = settings
        self._random_bytes = random_bytes
        self._emit = emit
        self._rehearsing = rehearsing

    def standing(self, purpose: KeyPurpose) -> Standing:
        """Where a rotation stands.

        Raises:
            Held: There is no key of this purpose yet.
            InvalidInput: Keys of this purpose are not rotated.
        """
        ring, now = self._ring(purpose), self._custody.now()
        replicas = tuple(self._custody.store.replica_keys())
        entries, left = self._count_entries(ring) if purpose is KeyPurpose.REGISTRY else (0, 0)
        evidence = Evidence(
            now,
            replicas,
            entries,
            left,
            announce=timedelta(seconds=self._settings.key_announce_s),
            soak=timedelta(seconds=self._settings.key_soak_s),
        )
        needed = requirements(ring, purpose, evidence)
        return Standing(ring, purpose, rotation.phase(ring, purpose), needed, replicas, entries, left, now)

    def prepare(self, purpose: KeyPurpose, backend: str | None = None) -> None:
        """Make the new key in a back end, read it back, try it out, and enter it.

        Args:
            purpose: Whose rotation.
            backend: The scheme of the back end; the usual one without it.

        Raises:
            Held: A rotation is under way.
            Refused: The key does not sign as it should.
            Conflict: Somebody else changed the keyring meanwhile.
            Unavailable: The back end cannot be reached.
        """
        ring, now = self._ring(purpose), self._custody.now()
        rotation.check_phase(ring, purpose, *rotation.AT_REST)
        scheme = backend or self._custody.usual(purpose)
        self._custody.backend(f"{scheme}:")  # whether there is one is asked in a rehearsal too
        if self._rehearsing:
            return
        made = self._custody.make_key(purpose, scheme)
        try:
            self._custody.commit(rotation.prepare(ring, purpose, made, now), "keys.prepare")
        except EngineError:
            self._custody.discard([made])
            raise

    def dual_accept(self, purpose: KeyPurpose) -> None:
        """Publish and accept the new key. Raises as `prepare`."""
        ring = self._ring(purpose)
        changed = rotation.dual_accept(ring, purpose, self._custody.now())
        self._try_out(ring, purpose)
        self._commit(changed, "keys.dual_accept")

    def switch(self, purpose: KeyPurpose) -> None:
        """Sign with the new key, and sign again what the registry states. Taken again, it signs what is left.

        Raises:
            Held: Evidence is missing, or it is the wrong phase.
            Unavailable: The new key signs, and what the registry states could not all be signed again.
            What `prepare` raises.
        """
        standing = self.standing(purpose)
        if standing.phase is not Phase.SWITCHED:
            changed = rotation.switch(standing.ring, purpose, standing.now)
            check_requirements(standing, Step.SWITCH)
            self._try_out(standing.ring, purpose)
            self._commit(changed, "keys.switch")
        if purpose is KeyPurpose.REGISTRY and not self._rehearsing:
            try:
                self._sign_again()
            except Unavailable as error:
                raise _not_signed_again(error) from error

    def decommission(self, purpose: KeyPurpose, until: datetime | None) -> None:
        """Set the end of the old key and destroy its private half. Taken again, it destroys what could not be reached.

        Args:
            purpose: Whose rotation.
            until: From when on it is refused; None for at once.

        Raises:
            Held: Evidence is missing, or it is the wrong phase.
            Unavailable: The end is set, and the private half could not be destroyed.
            What `prepare` raises.
        """
        standing, command = self.standing(purpose), _command(Step.DECOMMISSION, purpose)
        if standing.phase in rotation.AT_REST and self._finishes(standing.ring, purpose, command):
            return
        changed = rotation.decommission(standing.ring, purpose, standing.now, until or standing.now)
        check_requirements(standing, Step.DECOMMISSION)
        self._commit(changed, "keys.decommission")
        self._finish(standing.ring, changed, purpose, command)

    def abort(self, purpose: KeyPurpose) -> None:
        """Give the new key up and destroy it. Taken again, it destroys what could not be reached.

        Raises:
            Held: It is the wrong phase.
            Unavailable: It is given up, and the private half could not be destroyed.
            What `prepare` raises.
        """
        ring, command = self._ring(purpose), _command(Step.ABORT, purpose)
        if rotation.phase(ring, purpose) is Phase.ABORTED and self._finishes(ring, purpose, command):
            return
        changed = rotation.abort(ring, purpose, self._custody.now())
        self._commit(changed, "keys.abort")
        self._finish(ring, changed, purpose, command)

    def revoke(self, kid: str, reason: Reason) -> KeyPurpose:
        """Accept nothing any more that a key ever signed; another one takes its place. Its purpose.

        Taken again, it destroys what could not be reached.

        Raises:
            InvalidInput: No key of that id is accepted.
            Unavailable: It is revoked, and the private half could not be destroyed.
            What `prepare` raises.
        """
        ring, now = self._newest(), self._custody.now()
        command = f"capctl keys revoke --kid {kid} --reason {reason}"
        known = ring.key(kid)
        if known is not None and known.status is KeyStatus.REVOKED and self._finishes(ring, known.purpose, command):
            return known.purpose
        revoked = rotation.check_revocable(ring, kid, now)
        purpose = revoked.purpose
        is_alone = revoked.status is KeyStatus.ACTIVE and rotation.waiting(ring, purpose) is None
        if self._rehearsing:
            return purpose
        successor = self._successor(purpose) if is_alone else None
        entered = ring.with_key(successor) if successor else ring
        changed = rotation.revoke(entered, kid, successor, reason, now)
        try:
            self._commit(changed, "keys.revoke")
        except EngineError:
            self._custody.discard([successor] if successor else [])
            raise
        self._finish(ring, changed, purpose, command)
        return purpose

    def _successor(self, purpose: KeyPurpose) -> KeyEntry:
        try:
            return self._custody.make_key(purpose, self._custody.usual(purpose))
        except EngineError as error:
            raise Unavailable(
                "keys.no_successor",
                f"Nothing is revoked: the {purpose} key that would sign from now on cannot be made: {error.message}",
                "If it cannot wait, have that one made in a file: CAPCTL_KEY_BACKEND=file before this command.",
            ) from error

    def _newest(self) -> Keyring:
        ring = self._custody.keyring()
        if ring is None:
            raise Held("keys.none", "There is no keyring yet", "Make it: capctl keys init.")
        return ring

    def _ring(self, purpose: KeyPurpose) -> Keyring:
        ring = self._newest()
        rotation.check_rotatable(ring, purpose)
        return ring

    def _try_out(self, ring: Keyring, purpose: KeyPurpose) -> None:
        new = rotation.waiting(ring, purpose)
        assert new is not None, "the phase says that one is waiting"
        challenge(self._custody.open(new), self._random_bytes)

    def _commit(self, ring: Keyring, action: str) -> None:
        if not self._rehearsing:
            self._custody.commit(ring, action)

    def _finish(self, before: Keyring, after: Keyring, purpose: KeyPurpose, command: str) -> None:
        """Destroy the keys that a step has ended, and those of the purpose that earlier steps could not."""
        if self._rehearsing:
            return
        alive = {key.kid for key in before.of(purpose) if not key.is_spent}
        ended = [key for key in after.of(purpose) if key.is_spent and key.kid in alive]
        left = undestroyed(self._custody, before, purpose, reachable=True)
        destroy(self._custody, [*ended, *left], step=command)

    def _finishes(self, ring: Keyring, purpose: KeyPurpose, command: str) -> bool:
        """Destroy what a step that was taken before could not; whether there was anything."""
        left = undestroyed(self._custody, ring, purpose)
        if not self._rehearsing:
            destroy(self._custody, left, step=command)
        return bool(left)

    def _count_entries(self, ring: Keyring) -> tuple[int, int]:
        """Statements that are accepted now, and those of them that the signing key has not signed."""
        signing = ring.signing(KeyPurpose.REGISTRY)
        assert signing is not None, "it was checked to be rotatable"
        keys = ring.accepted(KeyPurpose.REGISTRY, self._custody.now())
        live = [entry for entry in self._custody.store.signed_entries() if _counts(entry, keys)]
        return len(live), sum(signing.kid not in signed_by(entry.envelope, entry.kind) for entry in live)

    def _sign_again(self) -> None:
        """Add the new key's signature to every statement that is accepted and lacks it, some at a time."""
        store, signer = self._custody.store, self._custody.signer(KeyPurpose.REGISTRY)
        keys, kid = self._custody.accepted(KeyPurpose.REGISTRY), signer.public_key.kid
        left = [
            entry
            for entry in store.signed_entries()
            if kid not in signed_by(entry.envelope, entry.kind) and _counts(entry, keys)
        ]
        for start in range(0, len(left), BATCH):
            self._emit(Progress("signing again", start, len(left)))
            batch = left[start : start + BATCH]
            store.replace_signatures(
                [(e, SignedEntry(e.kind, e.subject, countersign(e.envelope, e.kind, signer))) for e in batch]
            )
        self._emit(Progress("signing again", len(left), len(left)))


def check_requirements(standing: Standing, step: Step) -> None:
    """Refuse a step whose evidence is missing. Raises Held, which says what is."""
    missing = [needed for needed in standing.requirements if not needed.met]
    if missing:
        told = "; ".join(f"{needed.text} ({needed.detail})" for needed in missing)
        raise Held(
            "keys.evidence_missing",
            f"Not yet time for {step} of the {standing.purpose} key: {told}",
            f"See what is missing: capctl keys status --purpose {standing.purpose}.",
        )


def _not_signed_again(error: Unavailable) -> Unavailable:
    """The switch was made; the cause alone would say that nothing was."""
    return Unavailable(
        "keys.not_signed_again",
        f"The new registry key signs, but not everything is signed again with it: {error.message}",
        f"The old key is still accepted. Then take the step again: {_command(Step.SWITCH, KeyPurpose.REGISTRY)}.",
    )


def _command(step: Step, purpose: KeyPurpose) -> str:
    return f"capctl keys rotate {step} --purpose {purpose}"


def _counts(entry: SignedEntry, keys: dict[str, PublicKey]) -> bool:
    try:
        unseal(entry.envelope, entry.kind, keys)
    except EngineError:
        return False
    return True
