"""The life of a rotation: STEADY -> PREPARED -> DUAL -> SWITCHED -> DECOMMISSIONED, as changes to a keyring.

    ring = rotation.prepare(ring, KeyPurpose.RESPONSE, new_key, now)

Pure: each function takes the newest keyring and makes what the next one shall say. Whether the time has come is asked
of `rotation_gates`, and made to happen by `rotating`. A rotation is aborted only before it signs with the new key; a
key that may be known to others is revoked at any time.

Source: NIST SP 800-57 part 1, section 8.2.3 (key change); the order of Kubernetes' encryption at rest: accept the new
key everywhere, sign with it, sign again what lies there, then remove the old one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from engine.errors import Held, InvalidInput
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import KeyEntry, Keyring, KeyStatus, Phase, Rotation

ROTATABLE: Final = (KeyPurpose.RESPONSE, KeyPurpose.REGISTRY, KeyPurpose.BACKUP, KeyPurpose.ORR)
"""Whose keys are rotated. The checkpoints' key stands in a file beside them and ends with it; the root's vouches for
all others, and is replaced with the whole keyring."""

AT_REST: Final = frozenset({Phase.STEADY, Phase.DECOMMISSIONED, Phase.ABORTED, Phase.REVOKED})
"""Phases in which no rotation is under way."""


class Step(StrEnum):
    """What an operator does next."""

    PREPARE = "prepare"
    DUAL_ACCEPT = "dual-accept"
    SWITCH = "switch"
    DECOMMISSION = "decommission"
    ABORT = "abort"


class Reason(StrEnum):
    """Why a key is revoked (after RFC 5280, section 5.3.1)."""

    COMPROMISED = "compromised"
    """Somebody else may have it."""
    LOST = "lost"
    """Nobody has it any more."""
    WITHDRAWN = "withdrawn"
    """Whoever held it may no longer sign."""


NEXT: Final = {
    **dict.fromkeys(AT_REST, Step.PREPARE),
    Phase.PREPARED: Step.DUAL_ACCEPT,
    Phase.DUAL: Step.SWITCH,
    Phase.SWITCHED: Step.DECOMMISSION,
}
"""The step that leads on from each phase."""


def phase(ring: Keyring, purpose: KeyPurpose) -> Phase:
    """Where the rotation of a purpose's key is."""
    rotation = ring.rotations.get(purpose)
    return Phase.STEADY if rotation is None else rotation.phase


def check_rotatable(ring: Keyring, purpose: KeyPurpose) -> None:
    """Refuse purposes that have no key to rotate.

    Raises:
        InvalidInput: Keys of this purpose are not rotated.
        Held: There is none yet.
    """
    if purpose not in ROTATABLE:
        raise InvalidInput(
            "keys.not_rotated", f"The {purpose} key is not rotated", f"Keys that are: {', '.join(ROTATABLE)}."
        )
    if ring.signing(purpose) is None:
        raise Held("keys.none", f"There is no {purpose} key yet", f"Make it: capctl keys init --purpose {purpose}.")


def prepare(ring: Keyring, purpose: KeyPurpose, key: KeyEntry, now: datetime) -> Keyring:
    """Add the new key; nobody accepts it yet. Raises Held in the wrong phase."""
    check_phase(ring, purpose, *AT_REST)
    old = _signing(ring, purpose)
    return _entered(ring.with_key(key), purpose, Phase.PREPARED, (old.kid, key.kid), now)


def dual_accept(ring: Keyring, purpose: KeyPurpose, now: datetime) -> Keyring:
    """Publish the new key, and accept it. Raises Held in the wrong phase."""
    check_phase(ring, purpose, Phase.PREPARED)
    old, new = _pair(ring, purpose)
    ring = ring.with_key(replace(new, status=KeyStatus.ANNOUNCED))
    return _entered(ring, purpose, Phase.DUAL, (old.kid, new.kid), now)


def switch(ring: Keyring, purpose: KeyPurpose, now: datetime) -> Keyring:
    """Sign with the new key; what the old one signed is still accepted. Raises Held in the wrong phase."""
    check_phase(ring, purpose, Phase.DUAL)
    old, new = _pair(ring, purpose)
    ring = ring.with_key(replace(old, status=KeyStatus.RETIRING))
    ring = ring.with_key(replace(new, status=KeyStatus.ACTIVE, sign_from=now))
    return _entered(ring, purpose, Phase.SWITCHED, (old.kid, new.kid), now)


def decommission(ring: Keyring, purpose: KeyPurpose, now: datetime, until: datetime) -> Keyring:
    """Set the end of the old key: at that instant and after it, nothing it signed is accepted. It has no way back.

    Raises:
        Held: The wrong phase.
        InvalidInput: The end lies in the past.
    """
    check_phase(ring, purpose, Phase.SWITCHED)
    if until < now:
        raise InvalidInput("keys.end_in_the_past", "A key cannot end in the past", "Leave --at out to end it now.")
    old, new = _pair(ring, purpose)
    ring = ring.with_key(replace(old, verify_until=until))
    return _entered(ring, purpose, Phase.DECOMMISSIONED, (old.kid, new.kid), now)


def abort(ring: Keyring, purpose: KeyPurpose, now: datetime) -> Keyring:
    """Give the new key up, which has signed nothing yet. Raises Held in the wrong phase."""
    check_phase(ring, purpose, Phase.PREPARED, Phase.DUAL)
    old, new = _pair(ring, purpose)
    ring = ring.with_key(replace(new, status=KeyStatus.ABANDONED))
    return _entered(ring, purpose, Phase.ABORTED, (old.kid, new.kid), now)


def revoke(ring: Keyring, kid: str, successor: KeyEntry | None, reason: Reason, now: datetime) -> Keyring:
    """Accept nothing any more that a key ever signed.

    Args:
        ring: The newest keyring.
        kid: Of a key that is accepted now.
        successor: A fresh key that signs from now on; needed where the revoked one signs and none is waiting.
        reason: Why.
        now: The wall time.

    Raises:
        InvalidInput: There is no such key, or it is accepted no longer anyway.
    """
    revoked = check_revocable(ring, kid, now)
    purpose = revoked.purpose
    ring = ring.with_key(replace(revoked, status=KeyStatus.REVOKED))
    signing = ring.signing(purpose) or successor or waiting(ring, purpose)
    assert signing is not None, "the caller brings a successor where none is waiting"
    if signing.status is not KeyStatus.ACTIVE:
        ring = ring.with_key(replace(signing, status=KeyStatus.ACTIVE, sign_from=now))
    for other in ring.of(purpose):  # a rotation that was under way is over
        if other.status in (KeyStatus.PREPARED, KeyStatus.ANNOUNCED) and other.raw != signing.raw:
            ring = ring.with_key(replace(other, status=KeyStatus.ABANDONED))
    return _entered(ring, purpose, Phase.REVOKED, (kid, signing.kid), now, reason=reason.value)


def check_revocable(ring: Keyring, kid: str, now: datetime) -> KeyEntry:
    """The key that is to be revoked. Raises InvalidInput where there is none of that id that still counts."""
    revoked = ring.key(kid)
    if revoked is None or not revoked.accepts(now):
        raise InvalidInput(
            "keys.nothing_to_revoke", "No key of that id is accepted now", "See which are: capctl keys list."
        )
    if revoked.purpose not in ROTATABLE:
        raise InvalidInput(
            "keys.not_rotated", f"The {revoked.purpose} key is not revoked here", "Make a new keyring: docs/trust.md."
        )
    return revoked


def waiting(ring: Keyring, purpose: KeyPurpose) -> KeyEntry | None:
    """The key that a rotation under way has brought, before it signs."""
    ready = (KeyStatus.ANNOUNCED, KeyStatus.PREPARED)
    return next((key for key in ring.of(purpose) if key.status in ready), None)


def check_phase(ring: Keyring, purpose: KeyPurpose, *wanted: Phase) -> None:
    """Refuse a step that is not the next one. Raises Held."""
    current = phase(ring, purpose)
    if current not in wanted:
        raise Held(
            "keys.wrong_phase",
            f"The rotation of the {purpose} key is {current}",
            f"The next step is: capctl keys rotate {NEXT[current]} --purpose {purpose}.",
        )


def _signing(ring: Keyring, purpose: KeyPurpose) -> KeyEntry:
    key = ring.signing(purpose)
    assert key is not None, "it was checked to be rotatable"
    return key


def _pair(ring: Keyring, purpose: KeyPurpose) -> tuple[KeyEntry, KeyEntry]:
    rotation = ring.rotations[purpose]
    old, new = ring.key(rotation.old_kid), ring.key(rotation.new_kid)
    assert old is not None, "a key never leaves the keyring"
    assert new is not None, "a key never leaves the keyring"
    return old, new


def _entered(
    ring: Keyring, purpose: KeyPurpose, phase: Phase, kids: tuple[str, str], now: datetime, *, reason: str = ""
) -> Keyring:
    rotation = Rotation(phase, *kids, version=ring.version + 1, since=now, reason=reason)
    return replace(ring, rotations={**ring.rotations, purpose: rotation})
