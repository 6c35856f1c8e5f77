"""Everything about the chosen record: its fields, its hashes, and what it is tied to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.audit import look_of, moment, problems_of
from capctl.tui.drawing import heading, page
from capctl.tui.outcomes import GLYPHS
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.audit_records import AuditRecords
from capctl.tui.widgets.cutover_detail import labelled
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import NOTHING, count
from engine.audit import AuditEvent
from engine.clock import to_rfc3339
from engine.ops.results.audit import ShownRecord
from engine.ops.results.audit_look import AuditLook, Link, SeenLine

LINKS: Final[Mapping[Link, str]] = {"fits": "○ fits it", "broken": "■ DOES NOT FIT IT", "end": "· there is none"}
"""How a line and its neighbour go together, in words."""


class AuditEntry(Panel):
    """The chosen record, where there is room beside the others; elsewhere Enter shows the same."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw every field, wrapped."""
        look, chosen = look_of(state), self.screen.query_one(AuditRecords).chosen_line(state)
        if look is None or chosen is None:
            return heading("Record", "", size.width)
        lines = [heading("Record", f"#{count(chosen.number)}", size.width)]
        for label, text in details(chosen, look, state, self.room.zone):
            lines += labelled(label, text, size.width)
        return page(lines[: size.height or None])


def details(chosen: SeenLine, look: AuditLook, state: ConsoleState, zone: tzinfo | None) -> list[tuple[str, str]]:
    """Everything about a line, as names and texts.

    Args:
        chosen: The line.
        look: What it is tied to, where that was looked at.
        state: What a verification has found there.
        zone: For times.
    """
    told = [("wrong", problem) for problem in problems_of(chosen, look.lines, state)]
    if chosen.shown is None:
        told.append(("record", "The line is no audit record: somebody altered it."))
    else:
        told += _fields(chosen.shown, state, zone)
    told += _ties(chosen, look, state, zone)
    told.append(("hash", chosen.digest))
    if chosen.shown is not None:
        told.append(("prev", chosen.shown.record.prev))
    return told


def _fields(shown: ShownRecord, state: ConsoleState, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    record, event = shown.record, shown.record.event
    yield "at", f"{moment(record.at, state.now, zone)}  {to_rfc3339(record.at)}"
    yield "who", shown.actor if shown.actor == event.actor else f"{shown.actor}  {event.actor}"
    yield "action", event.action
    yield "outcome", _outcome(event)
    yield "object", event.object or NOTHING
    if event.revision is not None:
        yield "revision", count(event.revision)
    if event.evidence:
        yield "evidence", event.evidence
    if event.reason:
        yield "reason", event.reason if shown.reason is None else f"{shown.reason}  {event.reason}"


def _outcome(event: AuditEvent) -> str:
    return f"{GLYPHS[event.outcome]} {event.outcome}  {event.code}".rstrip()


def _ties(chosen: SeenLine, look: AuditLook, state: ConsoleState, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    ties = look.ties if look.ties and look.ties.number == chosen.number else None
    event = chosen.shown.record.event if chosen.shown else None
    if event is not None and (event.outcome == "intent" or event.intent is not None):
        word = "came to" if event.outcome == "intent" else "intent"
        number = "" if event.intent is None else f"#{count(event.intent)}"
        yield word, _partner(ties.partner, state, zone) if ties and ties.partner else number or "nothing near it"
    if ties is not None:
        yield "previous", LINKS[ties.before]
        yield "next", LINKS[ties.after]
    covered = look.second_place.covered
    yield "signed", f"in the checkpoint of {count(covered)}" if chosen.number <= covered else "in no checkpoint yet"


def _partner(partner: ShownRecord, state: ConsoleState, zone: tzinfo | None) -> str:
    record = partner.record
    return f"#{count(record.seq)} {_outcome(record.event)}, {moment(record.at, state.now, zone)}"
