"""What the commands of the readiness review answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.clock import to_rfc3339
from engine.readiness.items import Attestation, Item
from engine.readiness.review import Attested, Finding, ItemState, Waiver
from engine.readiness.signing import Signature


@dataclass(frozen=True, slots=True)
class ShownReview:
    """A review, or a part of it, at one moment."""

    env: str
    revision: int
    at: datetime
    areas: dict[str, str]
    """Title by area, in order."""
    states: tuple[ItemState, ...]
    """Those that were asked for, in the checklist's order."""
    blocking: tuple[str, ...]
    """Ids of everything that keeps the whole review from being signed."""
    signature: Signature
    names: dict[str, str]
    """By pseudonym: who attested, waived and approved."""

    def to_json(self) -> dict[str, Any]:
        """The review as JSON data."""
        return {
            "env": self.env,
            "revision": self.revision,
            "at": to_rfc3339(self.at),
            "items": [self._state(state) for state in self.states],
            "blocking": list(self.blocking),
            "signature": signature_json(self.signature),
        }

    def _state(self, state: ItemState) -> dict[str, Any]:
        return {
            **_item(state.item),
            "standing": state.standing.value,
            "blocks": state.blocks,
            "finding": _finding(state.finding),
            "attested": self._attested(state.attested),
            "waiver": self._waiver(state.waiver),
        }

    def _attested(self, given: Attested | None) -> dict[str, Any] | None:
        if given is None:
            return None
        evidence = [{"name": one.name, "hash": one.hash, "size": one.size} for one in given.evidence]
        return {"by": self.names[given.by], **_period(given.at, given.until), "evidence": evidence}

    def _waiver(self, waiver: Waiver | None) -> dict[str, Any] | None:
        if waiver is None:
            return None
        people = {"by": self.names[waiver.by], "approver": self.names[waiver.approver]}
        return {**people, "reason": waiver.reason, **_period(waiver.at, waiver.until)}


@dataclass(frozen=True, slots=True)
class CheckedReview(ShownReview):
    """A review after a round of probes."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when anything of what was asked for blocks."""
        return "no" if any(state.blocks for state in self.states) else "yes"


@dataclass(frozen=True, slots=True)
class ShownSignature:
    """A signature and what it is worth."""

    env: str
    signature: Signature
    envelope: bytes
    """Empty where nobody has signed."""

    @property
    def document(self) -> bytes:
        """The DSSE envelope, one line."""
        return self.envelope + b"\n"

    @property
    def answer(self) -> Literal["yes", "no", "hold"]:
        """Hold where nobody has signed, no where it does not hold."""
        if not self.envelope:
            return "hold"
        return "yes" if self.signature.holds else "no"

    def to_json(self) -> dict[str, Any]:
        """The signature as JSON data."""
        return {"env": self.env, **signature_json(self.signature)}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The checklist as a document."""

    document: bytes
    items: int

    def to_json(self) -> dict[str, Any]:
        """What was written, as JSON data."""
        return {"items": self.items, "document": self.document.decode()}


def signature_json(signature: Signature) -> dict[str, Any]:
    """A signature as JSON data."""
    statement = signature.statement
    if statement is None:
        return {"holds": False, "objections": list(signature.objections), "kid": None}
    world = statement.world
    return {
        "holds": signature.holds,
        "objections": list(signature.objections),
        "kid": statement.kid,
        "signed_at": to_rfc3339(statement.signed_at),
        "valid_until": to_rfc3339(statement.valid_until),
        "image": world.image,
        "chart": world.chart,
        "policies": dict(world.policies),
        "keyring_version": world.keyring_version,
        "trail": {"size": world.trail_size, "root": world.trail_root, "head": world.trail_head},
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "area": item.area,
        "title": item.title,
        "severity": item.severity.value,
        "owner": item.owner,
        "why": item.why,
        "answered_by": "person" if isinstance(item.check, Attestation) else "probe",
    }


def _finding(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    return {
        "answer": finding.answer.value,
        "detail": finding.detail,
        "at": to_rfc3339(finding.at),
        "evidence": finding.evidence,
    }


def _period(at: datetime, until: datetime) -> dict[str, str]:
    return {"at": to_rfc3339(at), "until": to_rfc3339(until)}
