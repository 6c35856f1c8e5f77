"""The keyring: which key is for what, and until when. A versioned statement that the root keys sign.

    ring = read_keyring(payload)                    # its own rules; says nothing about who signed it
    key = ring.signing(KeyPurpose.RESPONSE)
    keys = ring.accepted(KeyPurpose.REGISTRY, now)  # by key id: whose signatures count at `now`

Everything about a key's life is in this one document, rotations included, so that a version is the whole truth at one
moment and two operators cannot each change a half of it. Whether a version may follow another is `succession`'s.

Invariants, checked whenever one is read: a key id is its key's thumbprint, no public key stands in it twice, every key
is sound, a purpose has at most one key that signs, and no document has two spellings.

Source: NIST SP 800-57 part 1, sections 5.2 (one key, one purpose) and 7 (states of a key).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from engine.canonical import canonical_json, strict_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput
from engine.trust.edwards import is_sound_public_key
from engine.trust.jwk import KeyState, PublicKey, thumbprint, weak_key
from engine.trust.jws import ED25519, decode_segment, encode_segment
from engine.trust.keyfile import KeyPurpose

KEYRING_TYPE: Final = "application/vnd.capctl.keyring.v1+json"
"""The payload type of its envelope."""

LIFETIME: Final = timedelta(days=365)
"""How long a version is believed after it was issued; every change issues a new one."""

MAX_ENTRIES: Final = 512
"""Most keys of one keyring, tombstones included: decades of rotations. Each costs a millisecond when it is read."""


class KeyStatus(StrEnum):
    """Where a key is in its life."""

    PREPARED = "prepared"
    """Made and tried out; nobody accepts it yet."""
    ANNOUNCED = "announced"
    """Published, and accepted by every verifier; signs nothing yet."""
    ACTIVE = "active"
    """Signs."""
    RETIRING = "retiring"
    """Signs nothing any more; what it signed is accepted until `verify_until`."""
    ABANDONED = "abandoned"
    """Never signed: its rotation was aborted. A tombstone."""
    REVOKED = "revoked"
    """Nothing it ever signed is accepted. A tombstone."""


class Phase(StrEnum):
    """Where the rotation of a purpose's key is."""

    STEADY = "steady"
    PREPARED = "prepared"
    DUAL = "dual"
    SWITCHED = "switched"
    DECOMMISSIONED = "decommissioned"
    ABORTED = "aborted"
    REVOKED = "revoked"


PUBLISHED: Final = {
    KeyStatus.ANNOUNCED: KeyState.UPCOMING,
    KeyStatus.ACTIVE: KeyState.ACTIVE,
    KeyStatus.RETIRING: KeyState.RETIRING,
    KeyStatus.REVOKED: KeyState.RETIRED,
}
"""How a key set spells the status of a key; keys in another status are in no key set."""

ACCEPTED: Final = frozenset({KeyStatus.ANNOUNCED, KeyStatus.ACTIVE, KeyStatus.RETIRING})
"""What a key must be for its signatures to count."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key of the keyring."""

    purpose: KeyPurpose
    raw: bytes
    """The public key, 32 bytes (RFC 8032)."""
    status: KeyStatus
    backend_ref: str
    """Where the private half lies, `file:response.pem`; the scheme names the back end."""
    not_before: datetime
    """When it was made."""
    sign_from: datetime | None = None
    """Since when it signs, or signed."""
    verify_until: datetime | None = None
    """The instant from which nothing it signed is accepted; None while no end is set."""

    @property
    def kid(self) -> str:
        """The key id: the RFC 7638 thumbprint."""
        return thumbprint(self.raw)

    @property
    def public_key(self) -> PublicKey:
        """The key as signatures are checked with it. Raises Refused where it is weak."""
        return PublicKey(self.raw, PUBLISHED.get(self.status, KeyState.RETIRED), self.verify_until)

    def accepts(self, now: datetime) -> bool:
        """Whether a signature of this key counts at `now`. The end itself is already too late."""
        return self.status in ACCEPTED and (self.verify_until is None or now < self.verify_until)

    @property
    def may_sign(self) -> bool:
        """Whether it signs, or is to sign."""
        return self.status in (KeyStatus.PREPARED, KeyStatus.ANNOUNCED, KeyStatus.ACTIVE)

    @property
    def is_spent(self) -> bool:
        """Whether its private half is of no use to anybody any more, and should be destroyed."""
        return not self.may_sign and (self.status is not KeyStatus.RETIRING or self.verify_until is not None)

    def to_json(self) -> dict[str, Any]:
        """The entry as it stands in the document."""
        return {
            "kid": self.kid,
            "purpose": self.purpose.value,
            "alg": ED25519,
            "pub": encode_segment(self.raw).decode(),
            "status": self.status.value,
            "backend_ref": self.backend_ref,
            "not_before": to_rfc3339(self.not_before),
            "sign_from": _write_time(self.sign_from),
            "verify_until": _write_time(self.verify_until),
        }


@dataclass(frozen=True, slots=True)
class Rotation:
    """The latest rotation of a purpose's key."""

    phase: Phase
    old_kid: str
    new_kid: str
    version: int
    """The keyring version with which the phase began."""
    since: datetime
    """When it began."""
    reason: str = ""
    """Why a key was revoked, a `revocation.Reason`; empty in every other phase."""

    def to_json(self) -> dict[str, Any]:
        """The rotation as it stands in the document."""
        return {
            "phase": self.phase.value,
            "old_kid": self.old_kid,
            "new_kid": self.new_kid,
            "version": self.version,
            "since": to_rfc3339(self.since),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Keyring:
    """One version of the keyring."""

    version: int
    prev_sha3: str
    """Hash of the envelope of the version before; empty in the first."""
    issued_at: datetime
    expires: datetime
    keys: tuple[KeyEntry, ...]
    """In the order in which they were added."""
    threshold: int = 1
    """How many root keys must sign."""
    rotations: Mapping[KeyPurpose, Rotation] = field(default_factory=dict)

    def of(self, purpose: KeyPurpose) -> tuple[KeyEntry, ...]:
        """The keys of a purpose, oldest first."""
        return tuple(key for key in self.keys if key.purpose is purpose)

    def signing(self, purpose: KeyPurpose) -> KeyEntry | None:
        """The key of a purpose that signs; None where there is none."""
        return next((key for key in self.of(purpose) if key.status is KeyStatus.ACTIVE), None)

    def key(self, kid: str) -> KeyEntry | None:
        """The key of that id."""
        return next((key for key in self.keys if key.kid == kid), None)

    def accepted(self, purpose: KeyPurpose, now: datetime) -> dict[str, PublicKey]:
        """The keys of a purpose whose signatures count at `now`, by key id."""
        return {key.kid: key.public_key for key in self.of(purpose) if key.accepts(now)}

    def roots(self) -> dict[str, PublicKey]:
        """The keys that must sign the next version, by key id."""
        return {key.kid: key.public_key for key in self.of(KeyPurpose.ROOT) if key.status is KeyStatus.ACTIVE}

    def with_key(self, changed: KeyEntry) -> Keyring:
        """The keyring with one key changed, or added at the end."""
        others = tuple(changed if key.raw == changed.raw else key for key in self.keys)
        return replace(self, keys=others if changed in others else (*self.keys, changed))

    def payload(self) -> bytes:
        """What is signed: canonical JSON."""
        return canonical_json(
            {
                "keyring": "v1",
                "version": self.version,
                "prev_sha3": self.prev_sha3,
                "issued_at": to_rfc3339(self.issued_at),
                "expires": to_rfc3339(self.expires),
                "threshold": self.threshold,
                "keys": [key.to_json() for key in self.keys],
                "rotations": {purpose.value: rotation.to_json() for purpose, rotation in self.rotations.items()},
            }
        )


def read_keyring(payload: bytes) -> Keyring:
    """Read a keyring.

    Args:
        payload: Of an envelope whose signatures may or may not have been checked.

    Raises:
        InvalidInput: It is no keyring in its one spelling, or breaks one of its own rules.
        Refused: A key is weak.
    """
    document = strict_json(payload, what="The keyring")
    try:
        ring = _read(document)
    except (AttributeError, KeyError, TypeError, ValueError, InvalidInput):
        raise malformed("a member is missing, or is not what it should be") from None
    _check(ring)
    # What a lenient reader lets pass (a member too many, a key id that is no thumbprint) is not written like that.
    if ring.payload() != payload:
        raise malformed("it is not written as keyrings are, or a key id is not its key's thumbprint")
    return ring


def malformed(problem: str) -> InvalidInput:
    """The keyring breaks a rule."""
    return InvalidInput("keys.malformed", f"The keyring cannot be used: {problem}", "Restore it from a backup.")


def _read(document: Any) -> Keyring:
    keys, rotations = document["keys"], document["rotations"]
    if len(keys) > MAX_ENTRIES or type(document["version"]) is not int or type(document["threshold"]) is not int:
        raise ValueError("out of bounds")
    return Keyring(
        version=document["version"],
        prev_sha3=document["prev_sha3"],
        issued_at=from_rfc3339(document["issued_at"]),
        expires=from_rfc3339(document["expires"]),
        threshold=document["threshold"],
        keys=tuple(map(_read_key, keys)),
        rotations={KeyPurpose(purpose): _read_rotation(rotation) for purpose, rotation in rotations.items()},
    )


def _read_key(entry: Mapping[str, Any]) -> KeyEntry:
    return KeyEntry(
        purpose=KeyPurpose(entry["purpose"]),
        raw=decode_segment(entry["pub"].encode()),
        status=KeyStatus(entry["status"]),
        backend_ref=entry["backend_ref"],
        not_before=from_rfc3339(entry["not_before"]),
        sign_from=_read_time(entry["sign_from"]),
        verify_until=_read_time(entry["verify_until"]),
    )


def _read_rotation(entry: Mapping[str, Any]) -> Rotation:
    return Rotation(
        phase=Phase(entry["phase"]),
        old_kid=entry["old_kid"],
        new_kid=entry["new_kid"],
        version=entry["version"],
        since=from_rfc3339(entry["since"]),
        reason=entry["reason"],
    )


def _check(ring: Keyring) -> None:
    if ring.version < 1 or (ring.version == 1) != (ring.prev_sha3 == ""):
        raise malformed("its version and its predecessor do not fit")
    if not all(is_sound_public_key(key.raw) for key in ring.keys):
        raise weak_key()
    if len({key.raw for key in ring.keys}) != len(ring.keys):
        raise malformed("a public key stands in it twice")
    for purpose in KeyPurpose:
        signing = [key for key in ring.of(purpose) if key.status is KeyStatus.ACTIVE]
        if purpose is not KeyPurpose.ROOT and len(signing) > 1:
            raise malformed(f"two {purpose} keys sign")
    if not 1 <= ring.threshold <= len(ring.roots()):
        raise malformed("it has fewer root keys than must sign it")


def _write_time(moment: datetime | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else from_rfc3339(text)
