"""What the ORR screen says, from the console's state: whether it is signed, what blocks, what was signed. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from capctl.tui.activities import Activity
from capctl.tui.headline import Headline
from capctl.tui.orr import (
    ATTEST,
    CHECK,
    SCREEN,
    SIGN,
    STANDINGS,
    blocking,
    is_by_person,
    look_of,
    next_step,
    refused_signing,
    unasked,
    under_way,
    unmet_below_high,
)
from capctl.tui.state import ConsoleState
from capctl.tui.wording import NOTHING, age, clock_time, count, duration, sentence, short_hash, zone_name
from engine.ops.results.orr_look import OrrLook
from engine.readiness.items import Attestation, Item
from engine.readiness.review import FINDING_LASTS, ItemState, Standing
from engine.readiness.statement import World

SOON_S: Final = 24 * 3600.0
"""A signature that ends within a day may end within the evening."""

_DIGEST: Final = re.compile(r"sha(?:3-)?256:([0-9a-f]{8})[0-9a-f]{56}")
_CHANGE: Final = re.compile(r" (is .+ and was .+|has another IR)$")
"""How the engine ends a sentence about something that is another one now."""


def orr_headline(state: ConsoleState, zone: tzinfo | None) -> Headline:
    """Say in one line whether it is signed, else what keeps it from that; in a second one what leads on."""
    look, reading = look_of(state), state.reading(SCREEN)
    if run := under_way(state):
        return _working(run)
    if look is None:
        if reading.failure:
            return Headline("UNKNOWN", "?", "stale", reading.failure.message, reading.failure.hint)
        return Headline("WAITING", "…", "idle", "Looking at the readiness review", "")
    if reading.is_stale(state.monotonic_s):
        reason = reading.failure.message if reading.failure else "The registry does not answer"
        return Headline("STALE", "?", "stale", f"No look for {age(reading.age_s(state.monotonic_s))}", reason)
    if (refused := refused_signing(state)) and refused.error:
        return Headline("NOT SIGNED", "■", "closed", refused.error.message, refused.error.hint)
    if look.review.signature.holds:
        return _signed(look, state, zone)
    if look.is_signed:
        what = ", ".join(map(briefly, look.review.signature.objections))
        return Headline("INVALID", "■", "closed", f"It no longer holds: {what}", leads_on(look, state))
    return _unsigned(look, state)


def leads_on(look: OrrLook, state: ConsoleState) -> str:
    """What blocks, and the key that leads on."""
    step = next_step(state)
    if step is None:
        return ""
    match step.op_id:
        case "orr.check" if not step.items:
            number = unasked(look, state)
            return f"g asks {count(number)} probe{'' if number == 1 else 's'} that said nothing within a day."
        case "orr.check":
            return f"Mend it, then g asks again; or w waives. {_reason(look)}"
        case "orr.attest":
            return f"g attests {step.items[0]}: your word and a file."
        case _:
            return "g signs it again, after a question." if look.is_signed else "g signs it, after a question."


def summary_line(state: ConsoleState) -> str:
    """How many items are met, and how old the look is."""
    look = look_of(state)
    if look is None:
        return ""
    states = look.review.states
    met = sum(each.standing.is_met for each in states)
    waived = sum(each.standing is Standing.WAIVED for each in states)
    told = f"{met} of {len(states)} met" + (f", {waived} of them waived" if waived else "")
    return f"{told} · seen {age(state.reading(SCREEN).age_s(state.monotonic_s))} ago"


def shortened(text: str) -> str:
    """A text with the first eight digits of each digest in it, enough to compare by eye."""
    return _DIGEST.sub(r"\1…", text)


def briefly(objection: str) -> str:
    """What has changed, without from what to what: `the chart changed`."""
    return _CHANGE.sub(" changed", shortened(objection))


def end_of(until: datetime, now: datetime, zone: tzinfo | None) -> str:
    """When something ends: `14 Mar 18:00 CET, in 6 h 3 min`."""
    there = until.astimezone(zone)
    when = f"{there.day} {there.strftime('%b')} {clock_time(until, zone)[:5]} {zone_name(until, zone)}"
    left = (until - now).total_seconds()
    return f"{when}, in {duration(left)}" if left > 0 else f"{when}, {duration(-left)} ago"


def details(each: ItemState, look: OrrLook, state: ConsoleState, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    """Everything about an item, as names and texts, what decides first."""
    item, mark = each.item, STANDINGS[each.standing]
    blocks = "; nobody can sign because of it" if each.blocks else ""
    yield "stands", f"{mark.glyph} {mark.word}, {item.severity.value} severity{blocks}"
    yield from _found(each, state)
    yield from _attested(each, look, state, zone)
    yield from _waived(each, look, state, zone)
    yield "how", how(item)
    yield "why", item.why
    yield "owner", item.owner


def how(item: Item) -> str:
    """How an item is found out."""
    if isinstance(item.check, Attestation):
        return f"A person's word, for {item.check.valid_days} days. Show: {item.check.evidence}"
    told = ", ".join(f"{name} {value}" for name, value in item.check.arguments.items())
    wanted = f"; wanted: {item.check.expectation}" if item.check.expectation else ""
    return f"Probe of the {item.check.kind}{f': {told}' if told else ''}{wanted}"


def binding(look: OrrLook) -> list[tuple[str, str]]:
    """What a signature made now would bind, as names and texts."""
    states = look.review.states
    told = {standing: sum(each.standing is standing for each in states) for standing in Standing}
    stand = ", ".join(f"{number} {STANDINGS[standing].word.lower()}" for standing, number in told.items() if number)
    pieces = sum(len(each.evidence) for each in states)
    return [("items", f"{len(states)}: {stand}"), ("evidence", f"{pieces} pieces, by hash"), *_world(look.world)]


def signed(look: OrrLook, state: ConsoleState, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    """What was signed, as names and texts; what has changed since comes first."""
    signature = look.review.signature
    for place, objection in enumerate(signature.objections):
        yield "" if place else "changed", shortened(objection)
    if signature.statement is not None:
        statement = signature.statement
        ago = age((state.now - statement.signed_at).total_seconds())
        yield "signed", f"{ago} ago, with key {statement.kid[:16]}…"
        yield "until", end_of(statement.valid_until, state.now, zone)
        yield "items", f"{len(statement.items)}, each with its evidence"
        yield from _world(statement.world)


def _world(world: World) -> list[tuple[str, str]]:
    policies = ", ".join(f"{name} {short_hash(digest)}" for name, digest in sorted(world.policies.items()))
    return [
        ("image", shortened(world.image) or NOTHING),
        ("chart", short_hash(world.chart)),
        ("policies", policies or NOTHING),
        ("keyring", f"version {world.keyring_version}"),
        ("trail", f"{count(world.trail_size)} records, root {world.trail_root[:8]}…"),
    ]


def _working(run: Activity) -> Headline:
    told = run.current
    if run.call.op.id != CHECK:
        words = {ATTEST: "Keeping the evidence", SIGN: "Signing"}.get(run.call.op.id, "Keeping it")
        return Headline("WORKING", "…", "hold", words, "")
    if told is None:
        return Headline("ASKING", "…", "hold", "The probes run side by side", "What does not answer is unknown.")
    title = f"{count(told.done)} of {count(told.total or 0)} probes have answered"
    return Headline("ASKING", "…", "hold", title, f"The last: {told.message}" if told.message else "")


def _signed(look: OrrLook, state: ConsoleState, zone: tzinfo | None) -> Headline:
    statement = look.review.signature.statement
    assert statement is not None, "a signature that holds has a statement"
    left_s = (statement.valid_until - state.now).total_seconds()
    number = unmet_below_high(look)
    below = f"; {count(number)} item{'' if number == 1 else 's'} below HIGH not met" if number else ""
    title = f"Signed until {end_of(statement.valid_until, state.now, zone)}"
    leads = "s signs it anew" if left_s < SOON_S else "7 goes on with the cutover"
    return Headline("SIGNED", "○", "hold" if left_s < SOON_S else "open", title, f"{leads}{below}.")


def _unsigned(look: OrrLook, state: ConsoleState) -> Headline:
    open_items = blocking(look)
    if not any(each.finding or each.attested or each.waiver for each in look.review.states):
        title = f"Nobody has begun: {len(look.review.states)} items, {len(open_items)} of them HIGH"
        return Headline("NOT SIGNED", "·", "idle", title, leads_on(look, state))
    if not open_items:
        number = unmet_below_high(look)
        below = f"; {number} of lower severity {'is' if number == 1 else 'are'} not met" if number else ""
        return Headline("READY", "?", "hold", f"Nothing blocks{below}", leads_on(look, state))
    number, first = len(open_items), open_items[0].item.id
    title = f"{first}, of HIGH severity, is not met" if number == 1 else f"{number} HIGH items not met, {first} first"
    return Headline("NOT SIGNED", "■", "closed", title, leads_on(look, state))


def _found(each: ItemState, state: ConsoleState) -> Iterator[tuple[str, str]]:
    if is_by_person(each.item):
        return
    if each.finding is None:
        yield "found", "nothing yet: c asks every probe, o this one"
        return
    finding = each.finding
    old = (state.now - finding.at).total_seconds()
    counts = f"counts for {duration(FINDING_LASTS.total_seconds() - old)} more"
    worth = counts if old < FINDING_LASTS.total_seconds() else "too old to count"
    yield "found", f"{sentence(finding.detail)} ({age(old)} ago, {worth}; {short_hash(finding.evidence)})"


def _attested(each: ItemState, look: OrrLook, state: ConsoleState, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    if each.attested is None:
        if is_by_person(each.item):
            yield "attested", "by nobody yet: a gives your word, with a file that shows it"
        return
    given = each.attested
    ago = age((state.now - given.at).total_seconds())
    yield "attested", f"by {look.review.names[given.by]} {ago} ago, until {end_of(given.until, state.now, zone)}"
    for piece in given.evidence:
        yield "evidence", f"{piece.name}, {count(piece.size)} bytes, {short_hash(piece.hash)}"


def _waived(each: ItemState, look: OrrLook, state: ConsoleState, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    if each.waiver is None:
        return
    waiver, names = each.waiver, look.review.names
    who = f"by {names[waiver.by]} and {names[waiver.approver]}"
    yield "waived", f"{who}, until {end_of(waiver.until, state.now, zone)}: {waiver.reason}"


def _reason(look: OrrLook) -> str:
    """What most of the items that block have in common."""
    reasons = Counter(each.finding.detail for each in blocking(look) if each.finding)
    if not reasons:
        return ""
    reason, number = reasons.most_common(1)[0]
    return sentence(f"{reason} ({number} items)." if number > 1 else f"{reason}.")
