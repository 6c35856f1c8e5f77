"""How the commands of the readiness review read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Raw, Table, Tone, Toned
from capctl.text.views.words import NOTHING, count, moment, short
from engine.ops.results.orr import Rendered, ShownReview, ShownSignature
from engine.readiness.items import Attestation, Severity
from engine.readiness.review import ItemState, Standing
from engine.readiness.signing import Signature

STANDINGS: Final = {
    Standing.PASSED: Toned("passed ✓", Tone.GOOD),
    Standing.ATTESTED: Toned("attested ✓", Tone.GOOD),
    Standing.WAIVED: Toned("WAIVED !", Tone.CAUTION),
    Standing.FAILED: Toned("FAILED ✗", Tone.BAD),
    Standing.UNKNOWN: Toned("UNKNOWN ?", Tone.BAD),
    Standing.EXPIRED: Toned("EXPIRED ✗", Tone.BAD),
    Standing.OPEN: Toned("open …", Tone.CAUTION),
}
MANY: Final = 3
"""From so many items on they are shown as a table, without what each rests on."""


def review(result: ShownReview) -> Iterator[Block]:
    """Area by area, then what blocks, then the signature; a few items are shown with everything about them."""
    if len(result.states) < MANY:
        for state in result.states:
            yield from _detail(result, state)
            yield Gap()
    else:
        yield from _areas(result)
    if result.blocking:
        yield Line(f"BLOCKED ■ {count(len(result.blocking), 'item')} of high severity not met", Tone.BAD)
    else:
        yield Line("ready to be signed ✓", Tone.GOOD)
    yield from _standing_of(result.signature)


def _areas(result: ShownReview) -> Iterator[Block]:
    for area, title in result.areas.items():
        states = [state for state in result.states if state.item.area == area]
        if states:
            met = sum(state.standing.is_met for state in states)
            yield Line(f"{title} ({met} of {len(states)})", Tone.STRONG)
            yield Table(["item", "stands", "severity", "what"], [_row(state) for state in states])
            yield Gap()


def _row(state: ItemState) -> list[Cell]:
    item = state.item
    severity: Cell = Toned("high", Tone.STRONG) if item.severity is Severity.HIGH else item.severity.value
    return [item.id, STANDINGS[state.standing], severity, _because(state) or item.title]


def _because(state: ItemState) -> str:
    """What an item that is not met says for itself."""
    if state.standing.is_met or state.finding is None:
        return ""
    return f"{state.item.title}: {state.finding.detail}"


def _detail(result: ShownReview, state: ItemState) -> Iterator[Block]:
    item = state.item
    yield Line(item.title, Tone.STRONG)
    facts: list[tuple[str, Cell]] = [
        ("item", item.id),
        ("stands", STANDINGS[state.standing]),
        ("severity", item.severity.value),
        ("owner", item.owner),
        ("why", item.why),
    ]
    if isinstance(item.check, Attestation):
        facts.append(("evidence", f"{item.check.evidence} (for {item.check.valid_days} days)"))
    else:
        facts.append(("probe", item.check.kind))
    if state.finding:
        facts.append(("found", f"{state.finding.detail}, {moment(state.finding.at)}"))
    if state.attested:
        given = state.attested
        facts.append(("attested", f"by {result.names[given.by]} until {moment(given.until)}"))
        facts += [("shown", f"{piece.name}, {short(piece.hash)}") for piece in given.evidence]
    if state.waiver:
        waiver = state.waiver
        people = f"by {result.names[waiver.by]}, approved by {result.names[waiver.approver]}"
        facts.append(("waived", f"{people}, until {moment(waiver.until)}: {waiver.reason}"))
    yield Facts(facts)


def signature(result: ShownSignature) -> Iterator[Block]:
    """Whether it holds, and what it binds."""
    yield from _standing_of(result.signature)
    statement = result.signature.statement
    if statement is None:
        return
    world = statement.world
    yield Gap()
    yield Facts(
        [
            ("signed", moment(statement.signed_at)),
            ("until", moment(statement.valid_until)),
            ("key", statement.kid),
            ("environment", world.env),
            ("image", world.image or NOTHING),
            ("chart", short(world.chart)),
            ("policies", ", ".join(sorted(world.policies)) or NOTHING),
            ("keyring", f"version {world.keyring_version}"),
            ("audit trail", f"{world.trail_size:,} records, root {world.trail_root[:12]}…"),
        ]
    )


def _standing_of(shown: Signature) -> Iterator[Block]:
    if shown.holds and shown.statement:
        yield Line(f"signed ✓ until {moment(shown.statement.valid_until)}", Tone.GOOD)
        return
    yield Line("NOT SIGNED ✗" if shown.statement is None else "THE SIGNATURE NO LONGER HOLDS ✗", Tone.CAUTION)
    for objection in shown.objections:
        yield Line(f"- {objection}")


def rendered(result: Rendered) -> Iterator[Block]:
    """The document as it is."""
    for line in result.document.decode().splitlines():
        yield Raw(line)


VIEWS = {
    "orr.show": review,
    "orr.check": review,
    "orr.attest": review,
    "orr.waive": review,
    "orr.sign": signature,
    "orr.verify": signature,
    "orr.render": rendered,
}
