"""What must be known before a rotation goes on: evidence that was read, none by assumption.

Pure. A verifier that is not heard of for a minute is waited for: it may serve on with the keys it knew. After a quarter
of an hour it counts no longer, because one that cannot reach the registry has said so in `/readyz` all the while and
gets no traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.ports import ReplicaKeys
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import Keyring, Phase
from engine.trust.rotation import phase

SILENT_AFTER: Final = timedelta(seconds=60)
"""A verifier that has said nothing for longer is silent (semantics.md: a source older than 60 s)."""

GONE_AFTER: Final = timedelta(minutes=15)
"""One that has said nothing for longer is taken for gone."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must hold before the next step."""

    code: str
    """Stable: `replicas`, `announced`, `challenge`, `entries`, `soaked`."""
    text: str
    """What must hold, in words."""
    met: bool
    detail: str = ""
    """What was found, in words."""
    wait_s: float | None = None
    """Seconds until it holds of itself; None where waiting alone does not help."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read before a step."""

    now: datetime
    replicas: Sequence[ReplicaKeys]
    entries: int
    """Statements of the registry; 0 for other purposes."""
    entries_left: int
    """Those that the new key has not signed."""
    announce: timedelta
    """How long the new key is published before it signs."""
    soak: timedelta
    """How long the old key is accepted after it signed for the last time."""


def requirements(ring: Keyring, purpose: KeyPurpose, evidence: Evidence) -> tuple[Requirement, ...]:
    """What the next step of a purpose's rotation needs; empty where it needs nothing."""
    rotation = ring.rotations.get(purpose)
    if rotation is None:
        return ()
    found: list[Requirement] = []
    if phase(ring, purpose) is Phase.DUAL:
        if is_served(purpose):
            found.append(_replicas(evidence, rotation.version, purpose))
        if purpose is KeyPurpose.RESPONSE:
            text = "callers have had time to fetch the new key"
            found.append(_waited("announced", text, rotation.since, evidence.announce, evidence.now))
    if phase(ring, purpose) is Phase.SWITCHED:
        if is_served(purpose):
            found.append(_replicas(evidence, rotation.version, purpose))
        if purpose is KeyPurpose.REGISTRY:
            found.append(_entries(evidence))
        text = "what the old key signed last has run out"
        found.append(_waited("soaked", text, rotation.since, evidence.soak, evidence.now))
    return tuple(found)


def is_served(purpose: KeyPurpose) -> bool:
    """Whether verifiers go by the keys of a purpose all the time."""
    return purpose in (KeyPurpose.RESPONSE, KeyPurpose.REGISTRY)


def is_silent(replica: ReplicaKeys, now: datetime) -> bool:
    """Whether a verifier has said nothing for too long, or speaks from a future just as far."""
    return abs(now - replica.at) > SILENT_AFTER


def is_gone(replica: ReplicaKeys, now: datetime) -> bool:
    """Whether nobody waits for a verifier any more."""
    return now - replica.at > GONE_AFTER


def _replicas(evidence: Evidence, version: int, purpose: KeyPurpose) -> Requirement:
    text = f"every verifier goes by keyring version {version}"
    waited_for = [replica for replica in evidence.replicas if not is_gone(replica, evidence.now)]
    silent = [replica.replica for replica in waited_for if is_silent(replica, evidence.now)]
    behind = [replica.replica for replica in waited_for if replica.keyring_version < version]
    # Only a verifier publishes and signs results; policies are checked by whoever reads the registry.
    if not waited_for and purpose is KeyPurpose.RESPONSE:
        return Requirement("replicas", text, met=False, detail="no verifier has reported")
    if silent:
        return Requirement("replicas", text, met=False, detail=f"silent: {', '.join(silent)}")
    if behind:
        return Requirement("replicas", text, met=False, detail=f"behind: {', '.join(behind)}")
    return Requirement("replicas", text, met=True, detail=f"{len(waited_for)} of {len(waited_for)}")


def _entries(evidence: Evidence) -> Requirement:
    signed = evidence.entries - evidence.entries_left
    return Requirement(
        "entries",
        "the new key has signed every policy and list",
        met=evidence.entries_left == 0,
        detail=f"{signed} of {evidence.entries}",
    )


def _waited(code: str, text: str, since: datetime, needed: timedelta, now: datetime) -> Requirement:
    left_s = (since + needed - now).total_seconds()
    detail = f"{needed.total_seconds():g} s since the step before"
    return Requirement(code, text, met=left_s <= 0, detail=detail, wait_s=max(left_s, 0.0))
