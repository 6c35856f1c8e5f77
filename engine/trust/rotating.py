"""Rotations made to happen: keys made and tried out, gates asked, the keyring changed, statements signed again.

Each step does what lies outside first and reads it back, then changes the keyring and the audit trail in one
transaction. Whoever dies in between leaves a key that no keyring names: it is listed as an orphan and never taken up,
because nobody knows who else has it. What follows a change (signing again, destroying the old key) can be repeated, and
is finished by taking the step again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.context import Progress, ignore_progress
from engine.errors import EngineError, Held, Unavailable
from engine.ports import ReplicaKeys, SignedEntry
from engine.settings import Settings
from engine.trust import rotation
from engine.trust.backend import FILE_SCHEME
from engine.trust.backends import configured
from engine.trust.challenge import challenge
from engine.trust.custody import Custody
from engine.trust.dsse import countersign, signed_by, unseal
from engine.trust.jwk import PublicKey
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KeyEntry, Keyring, KeyStatus, Phase
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

    @property
    def old_key(self) -> KeyEntry:
        """The key that the latest rotation replaces. There must have been one."""
        key = self.ring.key(self.ring.rotations[self.purpose].old_kid)
        assert key is not None, "keys stay in the keyring"
        return key


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
            What `prepare` raises.
        """
        standing = self.standing(purpose)
        if standing.phase is not Phase.SWITCHED:
            changed = rotation.switch(standing.ring, purpose, standing.now)
            check_requirements(standing, Step.SWITCH)
            self._try_out(standing.ring, purpose)
            self._commit(changed, "keys.switch")
        if purpose is KeyPurpose.REGISTRY and not self._rehearsing:
            self._sign_again()

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
        standing = self.standing(purpose)
        if standing.phase is Phase.DECOMMISSIONED and self._lies_there(standing.old_key):
            self._destroy_old(standing.old_key)
            return
        changed = rotation.decommission(standing.ring, purpose, standing.now, until or standing.now)
        check_requirements(standing, Step.DECOMMISSION)
        self._commit(changed, "keys.decommission")
        self._destroy_old(standing.old_key)

    def abort(self, purpose: KeyPurpose) -> None:
        """Give the new key up. Raises as `prepare`."""
        changed = rotation.abort(self._ring(purpose), purpose, self._custody.now())
        self._commit(changed, "keys.abort")
        self._destroy(changed, changed.rotations[purpose].new_kid)

    def revoke(self, kid: str, reason: Reason) -> KeyPurpose:
        """Accept nothing any more that a key ever signed; another one takes its place. Its purpose.

        Raises:
            InvalidInput: No key of that id is accepted.
            What `prepare` raises.
        """
        ring, now = self._newest(), self._custody.now()
        revoked = rotation.check_revocable(ring, kid, now)
        purpose = revoked.purpose
        is_alone = revoked.status is KeyStatus.ACTIVE and rotation.waiting(ring, purpose) is None
        if self._rehearsing:
            return purpose
        successor = self._successor(purpose) if is_alone else None
        if successor is not None:
            ring = ring.with_key(successor)
        try:
            self._commit(rotation.revoke(ring, kid, successor, reason, now), "keys.revoke")
        except EngineError:
            self._custody.discard([successor] if successor else [])
            raise
        self._destroy(ring, kid)
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

    def _lies_there(self, key: KeyEntry) -> bool:
        return key.backend_ref in self._custody.backend(key.backend_ref).refs()

    def _destroy_old(self, key: KeyEntry) -> None:
        if self._rehearsing:
            return
        try:
            self._custody.backend(key.backend_ref).destroy(key.backend_ref)
        except EngineError as error:
            raise Unavailable(
                "keys.not_destroyed",
                f"The old {key.purpose} key counts no longer, but could not be destroyed: {error.message}",
                f"Then take the step again: capctl keys rotate decommission --purpose {key.purpose}.",
            ) from error

    def _destroy(self, ring: Keyring, kid: str) -> None:
        entry = ring.key(kid)
        if entry is None or self._rehearsing:
            return
        with suppress(EngineError):  # the keyring holds it for dead already; what is left is listed
            self._custody.backend(entry.backend_ref).destroy(entry.backend_ref)

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


@dataclass(frozen=True, slots=True)
class Orphans:
    """Keys that no keyring names: left by somebody who died, or put there. They are never taken up."""

    refs: tuple[str, ...]
    unasked: tuple[str, ...] = ()
    """Back ends that could not be asked for their keys, and why, in words."""


def orphans(custody: Custody, ring: Keyring | None, *, everywhere: bool = False) -> Orphans:
    """Look for keys that no keyring names.

    Args:
        custody: The environment's keys.
        ring: The newest keyring, if there is one.
        everywhere: Ask the servers too that are configured or named in the keyring, not only for files.
    """
    named = {key.backend_ref for key in ring.keys} if ring else set()
    others = {f"{FILE_SCHEME}:{purpose}.pem" for purpose in KeyPurpose} if ring is None else set()
    known = named | others | {f"{FILE_SCHEME}:{KeyPurpose.TOKENS}.pem"}
    schemes = {FILE_SCHEME}
    if everywhere:
        schemes |= {*configured(custody.settings), *(ref.partition(":")[0] for ref in named)}
    refs: list[str] = []
    unasked: list[str] = []
    for scheme in sorted(schemes):
        try:
            refs += [ref for ref in custody.backend(f"{scheme}:").refs() if ref not in known]
        except EngineError as error:
            unasked.append(f"{scheme}: {error.message}")
    return Orphans(tuple(refs), tuple(unasked))


def _counts(entry: SignedEntry, keys: dict[str, PublicKey]) -> bool:
    try:
        unseal(entry.envelope, entry.kind, keys)
    except EngineError:
        return False
    return True
