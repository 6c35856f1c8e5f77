"""What the key commands answer: everything that a screen shows of keys and rotations, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.clock import to_rfc3339

RETIRED: Final = "retired"
"""The status of a retiring key that has reached its end."""


@dataclass(frozen=True, slots=True)
class ShownKey:
    """One key."""

    kid: str
    purpose: str
    status: str
    """A `KeyStatus` (prepared, announced, active, retiring, abandoned, revoked), or `RETIRED`."""
    accepted: bool
    """Whether its signatures count right now."""
    signs: bool
    """Whether it signs right now."""
    not_before: datetime
    sign_from: datetime | None
    verify_until: datetime | None
    backend_ref: str

    def to_json(self) -> dict[str, Any]:
        """The key as JSON data."""
        return {
            "kid": self.kid,
            "purpose": self.purpose,
            "status": self.status,
            "accepted": self.accepted,
            "signs": self.signs,
            "not_before": to_rfc3339(self.not_before),
            "sign_from": _time(self.sign_from),
            "verify_until": _time(self.verify_until),
            "backend_ref": self.backend_ref,
        }


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keyring."""

    env: str
    version: int
    """0 where there is no keyring yet."""
    issued_at: datetime | None
    expires: datetime | None
    keys: tuple[ShownKey, ...]
    orphans: tuple[str, ...]
    """Private keys that no keyring names; never taken up."""
    undestroyed: tuple[str, ...]
    """Private keys that count no longer, and that still lie where they were."""
    unasked: tuple[str, ...]
    """Back ends that could not be asked for either, and why."""

    def to_json(self) -> dict[str, Any]:
        """The keyring as JSON data."""
        return {
            "env": self.env,
            "version": self.version,
            "issued_at": _time(self.issued_at),
            "expires": _time(self.expires),
            "keys": [key.to_json() for key in self.keys],
            "orphans": list(self.orphans),
            "undestroyed": list(self.undestroyed),
            "unasked": list(self.unasked),
        }


@dataclass(frozen=True, slots=True)
class KeyDetail:
    """One key, and the public half to check signatures with."""

    key: ShownKey
    jwk: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The key as JSON data."""
        return {**self.key.to_json(), "jwk": self.jwk}


@dataclass(frozen=True, slots=True)
class ShownRequirement:
    """One thing that must hold before the next step."""

    code: str
    """replicas, announced, entries or soaked."""
    text: str
    met: bool
    detail: str
    """What was found."""
    wait_s: float | None
    """Seconds until it holds of itself; None where waiting alone does not help."""

    def to_json(self) -> dict[str, Any]:
        """The requirement as JSON data."""
        return {
            "code": self.code,
            "text": self.text,
            "met": self.met,
            "detail": self.detail,
            "wait_s": self.wait_s,
        }


@dataclass(frozen=True, slots=True)
class ShownReplica:
    """A verifier, and which keyring it goes by."""

    name: str
    keyring_version: int
    age_s: float
    """Since it last said so."""
    silent: bool
    """Whether that is too long ago."""
    gone: bool
    """Whether nobody waits for it any more."""

    def to_json(self) -> dict[str, Any]:
        """The verifier as JSON data."""
        return {
            "name": self.name,
            "keyring_version": self.keyring_version,
            "age_s": self.age_s,
            "silent": self.silent,
            "gone": self.gone,
        }


@dataclass(frozen=True, slots=True)
class RotationStatus:
    """Where the rotation of one purpose's key stands."""

    env: str
    purpose: str
    phase: str
    """A `Phase`: steady, prepared, dual, switched, decommissioned, aborted, revoked."""
    since: datetime | None
    """When the phase began; None before the first rotation."""
    old_kid: str
    """Of the latest rotation; empty before the first."""
    new_kid: str
    signing_kid: str
    """The key that signs right now."""
    accepted: tuple[ShownKey, ...]
    """The keys whose signatures count right now."""
    next_step: str
    """prepare, dual-accept, switch or decommission."""
    requirements: tuple[ShownRequirement, ...]
    """Of the next step; empty where it needs nothing."""
    can_abort: bool
    replicas: tuple[ShownReplica, ...]
    entries: int
    """Policies and lists that are signed; 0 but for the registry's key."""
    entries_left: int
    """Those that the signing key has not signed yet."""
    keyring_version: int
    expires: datetime
    reason: str
    """Why a key was revoked; empty in every other phase."""
    at: datetime
    """The moment of all this; never before one that was seen earlier."""

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing for the next step."""
        return all(needed.met for needed in self.requirements)

    @property
    def missing(self) -> tuple[ShownRequirement, ...]:
        """What is missing for the next step."""
        return tuple(needed for needed in self.requirements if not needed.met)

    def to_json(self) -> dict[str, Any]:
        """The rotation as JSON data."""
        return {
            "env": self.env,
            "purpose": self.purpose,
            "phase": self.phase,
            "since": _time(self.since),
            "old_kid": self.old_kid,
            "new_kid": self.new_kid,
            "signing_kid": self.signing_kid,
            "accepted": [key.to_json() for key in self.accepted],
            "next_step": self.next_step,
            "is_ready": self.is_ready,
            "requirements": [needed.to_json() for needed in self.requirements],
            "can_abort": self.can_abort,
            "replicas": [replica.to_json() for replica in self.replicas],
            "entries": self.entries,
            "entries_left": self.entries_left,
            "keyring_version": self.keyring_version,
            "expires": to_rfc3339(self.expires),
            "reason": self.reason,
            "at": to_rfc3339(self.at),
        }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)
