"""A look at the audit trail that is cheap enough to be taken again and again, however long the trail is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from engine.audit import AuditRecord, read_record
from engine.errors import InvalidInput
from engine.ids import hash_bytes
from engine.ops.results.audit import ShownRecord
from engine.ops.results.audit_look import AuditLook, Link, SeenLine, Ties
from engine.ops.trail import Filter, Found, matching
from engine.ops.trail_names import Names, reasons_of
from engine.ops.trail_second_place import second_place

if TYPE_CHECKING:
    from engine.context import EngineContext

LOOKED_THROUGH: Final = 20_000
"""Lines that are looked through in each direction: a filter that nothing matches must not read a million of them."""

PARTNER_WITHIN: Final = 1_000
"""Lines after an intent among which its outcome is looked for."""

REASONS_WITHIN: Final = 1_000
"""Latest changes of a rollout whose reasons are told."""


def look(ctx: EngineContext, wanted: Filter, *, around: int | None, rows: int) -> AuditLook:
    """Look at the records that are wanted around a place.

    Args:
        ctx: Whose trail.
        wanted: Which records.
        around: Number of the record in the middle, whose ties are told; None for the newest.
        rows: Records to return at most, half of them on each side of the place.

    Raises:
        Unavailable: The registry cannot be read.
    """
    store, names = ctx.store, Names(ctx.store)
    state = store.audit_state()
    back = _part(store.audit_numbered_back(before=None if around is None else around + 1), wanted, names, rows // 2)
    ahead = None if around is None else _part(store.audit_numbered(after=around), wanted, names, rows // 2)
    found = [*reversed(ahead.found if ahead else ()), *back.found]
    reasons = reasons_of(ctx, [each.record for each in found if each.record], most=REASONS_WITHIN)
    lines = tuple(_seen(each, names, reasons) for each in found)
    about = middle(lines, around)
    return AuditLook(
        lines,
        size=state.head.seq,
        newest=ahead.reached if ahead else 0,
        oldest=back.reached,
        second_place=second_place(ctx, state),
        ties=_ties(ctx, about.number, names) if about else None,
    )


def middle(lines: Sequence[SeenLine], around: int | None) -> SeenLine | None:
    """The line that is meant by a place: that line, else the next older one, else the oldest; the newest for None."""
    if around is None or not lines:
        return lines[0] if lines else None
    return next((line for line in lines if line.number <= around), lines[-1])


class _Part(NamedTuple):
    """What was found in one direction."""

    found: tuple[Found, ...]
    reached: int
    """Number of the last line that was looked at; 0 where there are no more."""


def _part(lines: Iterable[tuple[int, bytes]], wanted: Filter, names: Names, most: int) -> _Part:
    gauge = _Gauge(lines)
    found = tuple(islice(matching(islice(gauge, LOOKED_THROUGH), wanted, names), most))
    return _Part(found, 0 if gauge.is_exhausted() else gauge.reached)


class _Gauge(Iterator[tuple[int, bytes]]):
    """Passes lines on and knows how far it has come."""

    def __init__(self, lines: Iterable[tuple[int, bytes]]) -> None:
        self._lines = iter(lines)
        self.reached = 0

    def __next__(self) -> tuple[int, bytes]:
        numbered = next(self._lines)
        self.reached = numbered[0]
        return numbered

    def is_exhausted(self) -> bool:
        """Whether nothing follows. Takes a line."""
        return next(self._lines, None) is None


def _seen(found: Found, names: Names, reasons: dict[str, str]) -> SeenLine:
    shown = _shown(found.record, names, reasons) if found.record else None
    return SeenLine(found.number, hash_bytes(found.line), shown)


def _shown(record: AuditRecord, names: Names, reasons: dict[str, str]) -> ShownRecord:
    return ShownRecord(record, names[record.event.actor], reasons.get(record.event.reason))


def _ties(ctx: EngineContext, number: int, names: Names) -> Ties | None:
    after = ctx.store.audit_numbered(after=number - 1)
    stored = next(after, None)
    if stored is None or stored[0] != number:
        return None
    following = next(after, None)
    preceding = next(ctx.store.audit_numbered_back(before=number), None)
    return Ties(
        number,
        before=_link(preceding, stored) if preceding or number > 1 else "end",
        after=_link(stored, following) if following else "end",
        partner=_partner(ctx, stored[1], names),
    )


def _link(line: tuple[int, bytes] | None, following: tuple[int, bytes]) -> Link:
    record = _record(following[1])
    if line is None or record is None or record.seq != line[0] + 1:
        return "broken"
    return "fits" if record.prev == hash_bytes(line[1]) else "broken"


def _partner(ctx: EngineContext, line: bytes, names: Names) -> ShownRecord | None:
    record = _record(line)
    if record is None:
        return None
    if record.event.outcome == "intent":
        near = islice(ctx.store.audit_lines(after=record.seq), PARTNER_WITHIN)
        partner = next((each for each in map(_record, near) if each and each.event.intent == record.seq), None)
    elif record.event.intent is not None:
        partner = _record(next(ctx.store.audit_lines(after=record.event.intent - 1), b""))
    else:
        return None
    return _shown(partner, names, {"": ""}) if partner else None


def _record(line: bytes) -> AuditRecord | None:
    with suppress(InvalidInput):
        return read_record(line)
    return None
