"""One environment's review: what was found, attested and waived, and what that makes of each item now.

Pure. A finding grows old, an attestation and a waiver expire; whatever nobody knows does not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from engine.errors import Held, InvalidInput
from engine.readiness.items import Attestation, Checklist, Item, Severity

FINDING_LASTS: Final = timedelta(hours=24)
"""How long a probe's answer counts: an evening and the day before it."""
LONGEST_WAIVER: Final = timedelta(days=30)
MAX_REASON_LENGTH: Final = 500


class Answer(StrEnum):
    """What a probe found."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It could not be asked: no cluster, no Prometheus, no file. Never counts as a yes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A probe's answer."""

    answer: Answer
    detail: str
    """What was found, in a line, without secrets."""
    at: datetime
    evidence: str
    """Hash of what was observed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that somebody showed. It is kept by its hash."""

    name: str
    hash: str
    size: int


@dataclass(frozen=True, slots=True)
class Attested:
    """A person's word."""

    by: str
    """A pseudonym."""
    at: datetime
    until: datetime
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Waiver:
    """Two people's decision to go without an item for a while."""

    by: str
    approver: str
    """Pseudonyms, never the same."""
    reason: str
    at: datetime
    until: datetime


class Standing(StrEnum):
    """What an item comes to at an instant."""

    PASSED = "passed"
    ATTESTED = "attested"
    WAIVED = "waived"
    FAILED = "failed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    """It was passed, attested or waived, and that has run out."""
    OPEN = "open"
    """Nobody has looked yet."""

    @property
    def is_met(self) -> bool:
        """Whether the item is no obstacle."""
        return self in (Standing.PASSED, Standing.ATTESTED, Standing.WAIVED)


@dataclass(frozen=True, slots=True)
class ItemState:
    """An item and how it stands."""

    item: Item
    standing: Standing
    finding: Finding | None = None
    attested: Attested | None = None
    waiver: Waiver | None = None

    @property
    def blocks(self) -> bool:
        """Whether nobody can sign because of it."""
        return self.item.severity is Severity.HIGH and not self.standing.is_met

    @property
    def evidence(self) -> tuple[str, ...]:
        """Hashes of what its standing rests on."""
        if self.standing is Standing.ATTESTED and self.attested:
            return tuple(piece.hash for piece in self.attested.evidence)
        return (self.finding.evidence,) if self.finding else ()


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that was said about an environment, by item."""

    env: str
    revision: int = 0
    findings: Mapping[str, Finding] = field(default_factory=dict)
    attestations: Mapping[str, Attested] = field(default_factory=dict)
    waivers: Mapping[str, Waiver] = field(default_factory=dict)

    def with_findings(self, findings: Mapping[str, Finding]) -> Review:
        """After a round of probes."""
        return replace(self, revision=self.revision + 1, findings={**self.findings, **findings})

    def with_attestation(self, item: Item, *, by: str, evidence: tuple[Evidence, ...], at: datetime) -> Review:
        """After a person's word.

        Raises:
            InvalidInput: A machine answers this item, or nothing is shown.
        """
        if not isinstance(item.check, Attestation):
            raise InvalidInput(
                "orr.not_attested", f"{item.id} is found out by a probe", f"Run: capctl orr check {item.id}"
            )
        if not evidence:
            raise InvalidInput(
                "orr.no_evidence", f"{item.id} needs evidence: {item.check.evidence}", "Name the file that shows it."
            )
        until = at + timedelta(days=item.check.valid_days)
        attested = Attested(by, at, until, evidence)
        return replace(self, revision=self.revision + 1, attestations={**self.attestations, item.id: attested})

    def with_waiver(self, item: Item, waiver: Waiver) -> Review:
        """After two people decided to go without.

        Raises:
            Held: There is no second person.
            InvalidInput: No reason, or it ends before it begins or lasts too long.
        """
        if not waiver.approver or waiver.approver == waiver.by:
            raise Held("orr.second_person", f"Waiving {item.id} takes a second person", "Name an approver.")
        if not waiver.reason.strip() or len(waiver.reason) > MAX_REASON_LENGTH:
            raise InvalidInput(
                "orr.no_reason", "A waiver needs a reason", f"Say in up to {MAX_REASON_LENGTH} characters why."
            )
        if not waiver.at < waiver.until <= waiver.at + LONGEST_WAIVER:
            raise InvalidInput(
                "orr.waiver_period",
                "A waiver ends in the future, and soon",
                f"It may last {LONGEST_WAIVER.days} days at most.",
            )
        return replace(self, revision=self.revision + 1, waivers={**self.waivers, item.id: waiver})

    def signed(self) -> Review:
        """After a signature, which says nothing new about any item."""
        return replace(self, revision=self.revision + 1)


def judge(checklist: Checklist, review: Review, now: datetime) -> tuple[ItemState, ...]:
    """How every item stands at an instant, in the checklist's order."""
    return tuple(_judge_item(item, review, now) for item in checklist.items)


def _judge_item(item: Item, review: Review, now: datetime) -> ItemState:
    finding = review.findings.get(item.id)
    attested = review.attestations.get(item.id)
    waiver = review.waivers.get(item.id)
    own = _attested(attested, now) if isinstance(item.check, Attestation) else _found(finding, now)
    if own.is_met or waiver is None:
        return ItemState(item, own, finding, attested, waiver)
    in_force = waiver.at <= now < waiver.until
    return ItemState(item, Standing.WAIVED if in_force else Standing.EXPIRED, finding, attested, waiver)


def _found(finding: Finding | None, now: datetime) -> Standing:
    if finding is None:
        return Standing.OPEN
    # A finding from the future was made by a clock that is wrong, here or there.
    if not finding.at <= now < finding.at + FINDING_LASTS:
        return Standing.EXPIRED
    return Standing(finding.answer.value)


def _attested(attested: Attested | None, now: datetime) -> Standing:
    if attested is None:
        return Standing.OPEN
    return Standing.ATTESTED if attested.at <= now < attested.until else Standing.EXPIRED
