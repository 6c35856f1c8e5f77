"""A hash chain over audit events: each line names the hash of the one before.

The schema is closed and has no free text, so that nothing personal can slip in: an actor is a pseudonym, an object is
an id or a hash, a reason is kept elsewhere and appears here as its hash. The lines alone show every edit, swap,
insertion and removal but those at the very end; these are seen against the head, which is kept apart from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from engine.canonical import canonical_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import InvalidInput
from engine.ids import hash_bytes, is_hash

GENESIS: Final = hash_bytes(b"capctl/audit/v1")
"""What the first record names as its predecessor."""

OUTCOMES: Final = frozenset({"intent", "done", "refused", "failed"})


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
    """The error's stable code where it was refused or failed; where it was done, why its answer was no."""
    revision: int | None = None
    """The rollout's revision after it."""
    evidence: str = ""
    """Hash of the evidence it rests on (a gate report, a policy, a plan)."""
    reason: str = ""
    """Hash of the reason the actor gave."""
    intent: int | None = None
    """Sequence number of the intent that this came of."""


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
            "intent": event.intent,
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


class ChainHead(NamedTuple):
    """The end of a chain."""

    seq: int
    """How many records there are."""
    hash: str
    """Of the last record's line, `GENESIS` where there is none."""


EMPTY: Final = ChainHead(0, GENESIS)


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where a chain stops being one."""

    position: int
    """1 for the first line; one past the last where lines are missing at the end."""
    problem: str


def seal(event: AuditEvent, *, at: datetime, head: ChainHead) -> tuple[AuditRecord, ChainHead]:
    """Put an event at the end of a chain.

    Args:
        event: What happened.
        at: When.
        head: The chain's end, `EMPTY` for a chain without records.

    Returns:
        The record, and the end of the chain with it.
    """
    record = AuditRecord(head.seq + 1, at, event, head.hash)
    return record, ChainHead(record.seq, hash_bytes(record.line()))


def read_record(line: bytes) -> AuditRecord:
    """Read a line of the chain, which says nothing yet about its place in it.

    Args:
        line: Unverified.

    Raises:
        InvalidInput: It is no audit record in its canonical spelling.
    """
    try:
        # Whatever a lenient reader lets pass (a key twice, NaN, other spellings) is not written like that again.
        record = _record(json.loads(line))
        intact = record.line() == line
    except (InvalidInput, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        intact = False
    if not intact:
        raise InvalidInput(
            "audit.malformed", "The line is not an audit record", "Find where it was altered: capctl audit verify."
        )
    return record


def verify_chain(lines: Iterable[bytes], *, head: ChainHead = EMPTY) -> Iterator[ChainBreak]:
    """Walk stored lines and yield each place where the chain is broken.

    Args:
        lines: Unverified canonical lines, oldest first.
        head: Where the chain ended at some earlier moment; it may have grown since. Without it, what was changed at
            the very end is not seen.
    """
    walk = ChainWalk(head)
    yield from filter(None, map(walk.step, lines))
    yield from filter(None, (walk.stop(),))


class ChainWalk:
    """Follows a chain line by line, for whoever does not read all of it at once.

    Args:
        head: Where the chain ended at some earlier moment, as for `verify_chain`.
    """

    def __init__(self, head: ChainHead = EMPTY) -> None:
        self._head = head
        self._reached = EMPTY
        self._position = 0

    def step(self, line: bytes) -> ChainBreak | None:
        """Go on by one unverified line; the break there, if there is one."""
        self._position += 1
        problem, self._reached = _continue(line, self._reached)
        if not problem and self._reached.seq == self._head.seq and self._reached != self._head:
            problem = f"it is not what record {self._head.seq} was"
        return ChainBreak(self._position, problem) if problem else None

    def stop(self) -> ChainBreak | None:
        """There are no more lines; the break, if there should be."""
        if self._reached.seq >= self._head.seq:
            return None
        return ChainBreak(self._position + 1, f"the chain ends before record {self._head.seq}")


def _continue(line: bytes, reached: ChainHead) -> tuple[str, ChainHead]:
    """What is wrong with a line that follows what was reached, if anything, and what is reached with it."""
    here = hash_bytes(line)
    try:
        record = read_record(line)
    except InvalidInput:
        return "the line is not an audit record", ChainHead(reached.seq + 1, here)
    problem = ""
    if record.seq != reached.seq + 1:
        problem = f"record {record.seq} stands where {reached.seq + 1} belongs"
    elif record.prev != reached.hash:
        problem = "it does not continue the line before: one of the two was altered"
    return problem, ChainHead(record.seq, here)


def _record(document: Any) -> AuditRecord:
    if not isinstance(document, dict):
        raise TypeError("not an object")
    fields = dict(document)
    seq, ts, prev = fields.pop("seq"), fields.pop("ts"), fields.pop("prev")
    event = AuditEvent(**fields)
    texts = (event.action, event.outcome, event.actor, event.object, event.code, event.evidence, event.reason)
    numbers = (seq, 0 if event.revision is None else event.revision, 0 if event.intent is None else event.intent)
    if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
        raise TypeError("a field has the wrong type")
    if event.outcome not in OUTCOMES or not is_hash(prev):
        raise TypeError("a field has an impossible value")
    return AuditRecord(seq, from_rfc3339(ts), event, prev)
