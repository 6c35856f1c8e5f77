"""Reading the audit trail for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from engine.audit import AuditRecord, read_record
from engine.clock import from_rfc3339
from engine.errors import InvalidInput, Unavailable
from engine.ops.results.audit import ShownRecord, Trail
from engine.ops.trail_names import Names, reasons_of

if TYPE_CHECKING:
    from engine.context import EngineContext

DIGEST_PREFIX: Final = "sha3-256:"

SHORTEST_DIGEST: Final = 43
"""Letters of the shortest object whose beginning suffices: a key id, an RFC 7638 thumbprint in base64url."""

_PLAIN: Final = re.compile(r"[\w.:/@+=-]+", re.ASCII)
"""What JSON writes as it is."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted."""

    action: str = ""
    """An operation's id, or its first word for the whole group; empty: any."""
    actor: str = ""
    """A name or a pseudonym; empty: anybody."""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """That moment itself is too late."""
    object: str = ""
    """What it was done to: an id as a whole, of a hash or a key id its beginning; empty: anything."""

    @classmethod
    def of(cls, action: str, actor: str, outcome: str, since: str, until: str = "", *, object: str = "") -> Self:
        """A filter as it was typed. Raises InvalidInput for a time that is none."""
        return cls(
            action,
            actor,
            outcome,
            from_rfc3339(since) if since else None,
            from_rfc3339(until) if until else None,
            object,
        )

    def marks(self) -> tuple[bytes, ...]:
        """What every line that is wanted contains, so that most of a long trail need not be read as JSON."""
        wanted = {
            '"action":"': self.action,
            '"outcome":"': self.outcome,
            "": self.object.removeprefix(DIGEST_PREFIX),
        }
        return tuple(f"{name}{text}".encode() for name, text in wanted.items() if _PLAIN.fullmatch(text))

    def takes_object(self, object: str) -> bool:
        """Whether a record about something is wanted."""
        if not self.object or object == self.object:
            return True
        digits = object.removeprefix(DIGEST_PREFIX)
        return len(digits) >= SHORTEST_DIGEST and digits.startswith(self.object.removeprefix(DIGEST_PREFIX))

    def takes_moment(self, at: datetime) -> bool:
        """Whether a record of that moment is wanted."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


class Found(NamedTuple):
    """A line that is wanted."""

    number: int
    """Under which it is stored."""
    line: bytes
    record: AuditRecord | None
    """None where the line is no record: somebody altered it."""


def read_trail(ctx: EngineContext, wanted: Filter, limit: int, *, before: int = 0) -> Trail:
    """The latest records that are wanted.

    Args:
        ctx: Names and reasons are looked up in its registry.
        wanted: Which ones.
        limit: At most so many; 0 for all.
        before: Only records before this number; 0 for all.

    Raises:
        InvalidInput: The limit or the number is negative.
        Unavailable: A line is no record.
    """
    if limit < 0:
        raise InvalidInput("audit.limit", f"A limit of {limit} means nothing", "Give a number above 0, or 0 for all.")
    if before < 0:
        raise InvalidInput("audit.before", f"There is no record {before}", "Records are numbered from 1.")
    names = Names(ctx.store)
    found = map(_sound, matching(ctx.store.audit_numbered_back(before=before or None), wanted, names))
    records = list(islice(found, limit + 1 if limit else None))
    shown = records[:limit] if limit else records
    reasons = reasons_of(ctx, shown)
    return Trail(
        tuple(ShownRecord(record, names[record.event.actor], reasons.get(record.event.reason)) for record in shown),
        size=ctx.store.audit_head().seq,
        is_cut=len(records) > len(shown),
    )


def matching(lines: Iterable[tuple[int, bytes]], wanted: Filter, names: Names) -> Iterator[Found]:
    """Those of some lines that are wanted; a line that cannot be read at all is, unless a mark is missing in it.

    Args:
        lines: With the numbers they are stored under.
        wanted: Which ones.
        names: For a filter by name.
    """
    marks = wanted.marks()
    for number, line in lines:
        if not all(mark in line for mark in marks):
            continue
        # Only what is wanted is read strictly: looking through a million lines should take seconds.
        fields = _glance(line)
        if fields is None or _matches(fields, wanted, names):
            yield Found(number, line, _read(line))


def _sound(found: Found) -> AuditRecord:
    if found.record is None:
        raise Unavailable(
            "audit.malformed",
            f"Line {found.number} of the audit trail is no record",
            "Find where it was altered: capctl audit verify.",
        )
    return found.record


def _glance(line: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _read(line: bytes) -> AuditRecord | None:
    try:
        return read_record(line)
    except InvalidInput:
        return None


def _matches(fields: dict[str, Any], wanted: Filter, names: Names) -> bool:
    action, actor = str(fields.get("action")), str(fields.get("actor"))
    return (
        (not wanted.action or action == wanted.action or action.startswith(wanted.action + "."))
        and (not wanted.outcome or fields.get("outcome") == wanted.outcome)
        and wanted.takes_object(str(fields.get("object", "")))
        and (not wanted.actor or wanted.actor in (actor, names[actor]))
        and _is_in_time(fields.get("ts"), wanted)
    )


def _is_in_time(moment: object, wanted: Filter) -> bool:
    if wanted.since is None and wanted.until is None:
        return True
    try:
        return wanted.takes_moment(from_rfc3339(str(moment)))
    except InvalidInput:
        return True  # whether the line is a record at all is told by whoever reads it
