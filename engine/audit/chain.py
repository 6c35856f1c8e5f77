"""A hash chain over audit events: each line names the hash of the one before.

The schema is closed and has no free text, so that nothing personal can slip in: an actor is a pseudonym, an object is
an id or a hash, a reason is kept elsewhere and appears here as its hash. A chain shows edits, swaps and insertions;
that its end was cut off is only seen against a checkpoint kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.ids import hash_bytes

GENESIS = hash_bytes(b"capctl/audit/v1")
"""What the first record names as its predecessor."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that was done, or tried."""

    action: str
    """The operation's id, `rollout.promote`."""
    outcome: str
    """`intent`, `done`, `refused` or `failed`."""
    actor: str
    """A pseudonym, see `ids.pseudonym`."""
    object: str = ""
    """What it was done to: a policy id, a list's root."""
    code: str = ""
    """The error's stable code where it was refused or failed."""
    revision: int | None = None
    """The rollout's revision after it."""
    evidence: str = ""
    """Hash of the evidence it rests on (a gate report, a policy, a plan)."""
    reason: str = ""
    """Hash of the reason the actor gave."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An event in its place in the chain."""

    seq: int
    """1, 2, 3, ... without gaps."""
    at: datetime
    event: AuditEvent
    prev: str
    """Hash of the record before, or `GENESIS`."""

    def to_json(self) -> dict[str, Any]:
        """The record as JSON data, fields that are empty left out."""
        event = self.event
        optional = {
            "object": event.object,
            "code": event.code,
            "revision": event.revision,
            "evidence": event.evidence,
            "reason": event.reason,
        }
        return {
            "seq": self.seq,
            "ts": to_rfc3339(self.at),
            "actor": event.actor,
            "action": event.action,
            "outcome": event.outcome,
            **{name: value for name, value in optional.items() if value not in ("", None)},
            "prev": self.prev,
        }

    def line(self) -> bytes:
        """The record as its canonical line, without the newline; what is hashed and stored."""
        return canonical_json(self.to_json())


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where a chain stops being one."""

    position: int
    """1 for the first line."""
    problem: str


def seal(event: AuditEvent, *, at: datetime, last: tuple[int, str] | None) -> tuple[AuditRecord, str]:
    """Put an event at the end of a chain.

    Args:
        event: What happened.
        at: When.
        last: Sequence number and hash of the last record; None for an empty chain.

    Returns:
        The record and its own hash.
    """
    seq, prev = last if last else (0, GENESIS)
    record = AuditRecord(seq + 1, at, event, prev)
    return record, hash_bytes(record.line())


def verify_chain(lines: Iterable[bytes]) -> Iterator[ChainBreak]:
    """Walk stored lines and yield each place where the chain is broken.

    Args:
        lines: Unverified canonical lines, oldest first.
    """
    from engine.canonical import strict_json
    from engine.errors import InvalidInput

    prev = GENESIS
    for position, line in enumerate(lines, start=1):
        try:
            record = strict_json(line, what=f"audit line {position}")
        except InvalidInput:
            record = None
        if not isinstance(record, dict):
            yield ChainBreak(position, "the line is not JSON")
        elif record.get("seq") != position:
            yield ChainBreak(position, f"sequence number {record.get('seq')!r} where {position} belongs")
        elif record.get("prev") != prev:
            yield ChainBreak(position, "it does not continue the line before")
        elif canonical_json(record) != line:
            yield ChainBreak(position, "it is not spelt canonically")
        prev = hash_bytes(line)
