"""How the audit commands read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Raw, Table, Tone, Toned
from capctl.text.views.words import NOTHING, count, moment, short
from engine.ops.results.audit import CheckpointMade, Export, Proof, ShownRecord, Trail, Verification

OUTCOMES: Final = {
    "intent": Toned("intent", Tone.FAINT),
    "done": Toned("done", Tone.PLAIN),
    "refused": Toned("REFUSED", Tone.CAUTION),
    "failed": Toned("FAILED", Tone.BAD),
}


def trail(result: Trail) -> Iterator[Block]:
    """A record a row, newest first; what it was about comes last, because it may be long."""
    if not result.records:
        yield Line("No record matches." if result.size else "Nothing was recorded yet.")
        return
    rows = [_row(shown) for shown in result.records]
    yield Table(["seq", "at", "actor", "action", "outcome", "about"], rows)
    if result.is_cut:
        yield Gap()
        oldest = result.records[-1].record.seq
        yield Line(f"Older records match as well: raise --limit, or go on with --before {oldest}.", Tone.FAINT)


def _row(shown: ShownRecord) -> list[Cell]:
    record, event = shown.record, shown.record.event
    return [str(record.seq), moment(record.at), shown.actor, event.action, OUTCOMES[event.outcome], _about(shown)]


def _about(shown: ShownRecord) -> str:
    event = shown.record.event
    parts = [
        short(event.object) if event.object else "",
        f"revision {event.revision}" if event.revision is not None else "",
        f"of {event.intent}" if event.intent is not None else "",
        event.code,
        f"evidence {short(event.evidence)}" if event.evidence else "",
        f"reason {short(event.reason)}" if shown.reason is None else shown.reason,
    ]
    return ", ".join(filter(None, parts)) or NOTHING


def verification(result: Verification) -> Iterator[Block]:
    """The answer first; then every finding with its place; then what was looked at."""
    if result.findings:
        yield Line(f"NOT INTACT ✗ {count(len(result.findings), 'finding')}", Tone.BAD)
        yield Table(["where", "what is wrong"], [[found.place, found.problem] for found in result.findings])
    else:
        yield Line("intact ✓", Tone.GOOD)
    yield Gap()
    facts: list[tuple[str, Cell]] = [
        ("verified", result.subject),
        ("trail", result.origin),
        ("records", f"{result.records:,}, of which {result.covered:,} as signed"),
        ("signed", count(result.checkpoints, "checkpoint")),
    ]
    if result.record is not None:
        record = result.record
        what = f"{record.seq}: {record.event.action} {record.event.outcome}, {moment(record.at)}"
        facts.append(("record", f"{what}, by {record.event.actor}"))
    yield Facts(facts)
    for remark in result.remarks:
        yield Line(f"! {remark}", Tone.CAUTION)


def export(result: Export) -> Iterator[Block]:
    """What the export holds."""
    yield Facts(
        [
            ("trail", result.origin),
            ("records", f"{result.records:,}, of which {result.covered:,} as signed"),
            ("size", f"{len(result.document):,} bytes"),
        ]
    )


def proof(result: Proof) -> Iterator[Block]:
    """What is proven."""
    record = result.record
    yield Facts(
        [
            ("record", f"{record.seq}: {record.event.action} {record.event.outcome}, {moment(record.at)}"),
            ("is among", f"the {result.size:,} records of a signed checkpoint"),
            ("size", f"{len(result.document):,} bytes"),
        ]
    )


def checkpoint(result: CheckpointMade) -> Iterator[Block]:
    """The note as it is, and the key to check it with."""
    for line in result.note.splitlines():
        yield Raw(line)
    yield Gap()
    yield Line("Verifier key, to be given to whoever checks it:", Tone.FAINT)
    yield Raw(result.key)


VIEWS = {
    "audit.show": trail,
    "audit.verify": verification,
    "audit.export": export,
    "audit.prove": proof,
    "audit.checkpoint": checkpoint,
}
