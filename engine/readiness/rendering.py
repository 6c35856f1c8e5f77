"""The checklist as Markdown: what is asked, why, how it is found out; in a review also how it stands and who signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.clock import to_rfc3339
from engine.readiness.expectation import Expectation
from engine.readiness.items import Attestation, Checklist, Item, Probe
from engine.readiness.review import ItemState
from engine.readiness.signing import Signature

_INTRODUCTION: Final = """\
What must be true before a policy is enforced in production. An item of high severity that is not met keeps anybody
from signing; one of medium or low severity is said in what is signed. Most items are found out by a probe, which
counts for a day; the others take a person's word, with evidence, for as long as the item says. Going without an item
takes two people, a reason and an end within 30 days.

The tech lead signs with a key of their own, for 14 days at most. The signature binds every item with its evidence,
the image, the chart, the policies, the keyring and the audit trail: when one of them changes, it no longer holds, and
promotions in production are held.

```sh
capctl orr show                          # how everything stands
capctl orr check                         # run the probes; exit code 3 while something of high severity is not met
capctl orr attest ops.on-call --evidence rota.pdf
capctl orr waive infra.capacity --reason "measured on Thursday" --approver second --days 3
capctl orr sign -o orr.json              # with the tech lead's key
capctl orr verify                        # does it hold, and if not, what has changed
```
"""


@dataclass(frozen=True, slots=True)
class Standings:
    """How a review stands, for a document about it."""

    env: str
    at: datetime
    states: Sequence[ItemState]
    signature: Signature
    names: Mapping[str, str]
    """By pseudonym."""


def render(checklist: Checklist, standings: Standings | None = None) -> str:
    """The checklist as Markdown; the same input gives the same text.

    Args:
        checklist: What is asked.
        standings: How it stands in an environment; None for the checklist alone.
    """
    return "\n".join(_lines(checklist, standings)).rstrip() + "\n"


def _lines(checklist: Checklist, standings: Standings | None) -> Iterator[str]:
    title = f": {standings.env}" if standings else ""
    yield f"# Operational readiness review{title}\n"
    if standings:
        yield from _standing(standings)
    else:
        yield _INTRODUCTION
    states = {state.item.id: state for state in standings.states} if standings else {}
    for area, heading in checklist.areas.items():
        yield f"## {heading}\n"
        for item in checklist.items:
            if item.area == area:
                yield from _item(item, states.get(item.id), standings.names if standings else {})


def _standing(standings: Standings) -> Iterator[str]:
    met = sum(state.standing.is_met for state in standings.states)
    blocking = [state.item.id for state in standings.states if state.blocks]
    yield f"As of {to_rfc3339(standings.at)}: {met} of {len(standings.states)} items are met.\n"
    if blocking:
        yield f"**Blocked** by {', '.join(f'`{item}`' for item in blocking)}.\n"
    statement = standings.signature.statement
    if statement is None or standings.signature.objections:
        yield f"**Not signed**: {_escaped('; '.join(standings.signature.objections))}.\n"
    if statement is not None:
        world = statement.world
        yield f"- signed at {to_rfc3339(statement.signed_at)} with key `{statement.kid}`"
        yield f"- until {to_rfc3339(statement.valid_until)}"
        yield f"- for the image `{world.image or 'none'}`"
        yield f"- with the chart `{world.chart or 'none'}`"
        yield f"- and the policies {', '.join(f'`{each}`' for each in sorted(world.policies)) or 'none'}"
        yield f"- under keyring version {world.keyring_version}, after {world.trail_size} audit records\n"


def _item(item: Item, state: ItemState | None, names: Mapping[str, str]) -> Iterator[str]:
    mark = ("[x] " if state.standing.is_met else "[ ] ") if state else "[ ] "
    yield f"- {mark}**{_escaped(item.title)}** · `{item.id}` · {item.severity.value} · {item.owner}"
    yield f"  - why: {_escaped(item.why)}"
    yield f"  - how: {how(item)}"
    if state:
        yield from (f"  - {line}" for line in _told(state, names))
    yield ""


def how(item: Item) -> str:
    """How an item is found out, in a line of Markdown."""
    match item.check:
        case Attestation(evidence, valid_days):
            return f"a person's word, for {valid_days} days. Evidence: {_escaped(evidence)}"
        case Probe(kind, arguments, expectation):
            told = ", ".join(f"{name} `{value}`" for name, value in arguments.items())
            expected = f"; expected: {_expected(expectation)}" if expectation else ""
            return f"probe `{kind}`{f', {told}' if told else ''}{expected}"


def _expected(expectation: Expectation) -> str:
    if expectation.comparison in ("present", "absent"):
        return expectation.comparison
    operand = expectation.operand
    each = operand if isinstance(operand, list) else [operand]
    return f"{expectation.comparison.replace('_', ' ')} {', '.join(f'`{one}`' for one in each)}"


def _told(state: ItemState, names: Mapping[str, str]) -> Iterator[str]:
    yield f"stands: **{state.standing.value}**"
    if state.finding:
        yield f"found: {_escaped(state.finding.detail)} ({to_rfc3339(state.finding.at)})"
    if state.attested:
        given = state.attested
        yield f"attested by {_escaped(names[given.by])} until {to_rfc3339(given.until)}"
        yield from (f"evidence: {_escaped(piece.name)}, `{piece.hash}`" for piece in given.evidence)
    if state.waiver:
        waiver = state.waiver
        people = f"{_escaped(names[waiver.by])} and {_escaped(names[waiver.approver])}"
        yield f"waived by {people} until {to_rfc3339(waiver.until)}: {_escaped(waiver.reason)}"


def _escaped(text: str) -> str:
    """Text in which nothing is markup."""
    one_line = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in one_line)
