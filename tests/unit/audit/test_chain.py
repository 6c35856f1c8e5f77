"""The hash chain: whatever is done to its lines is found, and found where it was done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit import EMPTY, AuditEvent, ChainHead, read_record, seal, verify_chain
from engine.canonical import canonical_json, strict_json
from engine.errors import InvalidInput
from engine.ids import hash_bytes

AT = datetime(2026, 3, 1, tzinfo=UTC)

words = st.text(st.characters(codec="utf-8"), max_size=12)
events = st.builds(
    AuditEvent,
    action=words,
    outcome=st.sampled_from(["intent", "done", "refused", "failed"]),
    actor=words,
    object=words,
    code=words,
    revision=st.none() | st.integers(1, 10**6),
    evidence=words,
    reason=words,
    intent=st.none() | st.integers(1, 10**6),
)


def chain(of: list[AuditEvent]) -> tuple[list[bytes], ChainHead]:
    lines, head = [], EMPTY
    for number, event in enumerate(of):
        record, head = seal(event, at=AT + timedelta(seconds=number), head=head)
        lines.append(record.line())
    return lines, head


chains = st.lists(events, min_size=1, max_size=8).map(chain)
long_chains = st.lists(events, min_size=2, max_size=8).map(chain)


def positions(lines: list[bytes], head: ChainHead = EMPTY) -> list[int]:
    return [found.position for found in verify_chain(lines, head=head)]


@given(st.lists(events, max_size=8).map(chain))
def test_an_untouched_chain_has_no_break(built: tuple[list[bytes], ChainHead]) -> None:
    lines, head = built
    assert positions(lines, head) == positions(lines) == []


@given(events)
def test_a_record_is_read_back_as_it_was_written(event: AuditEvent) -> None:
    record, _ = seal(event, at=AT, head=EMPTY)
    assert read_record(record.line()) == record


@given(chains, st.data())
def test_a_removed_line_is_found_where_it_is_missing(built: tuple[list[bytes], ChainHead], data: st.DataObject) -> None:
    lines, head = built
    gone = data.draw(st.integers(0, len(lines) - 1))
    assert positions(lines[:gone] + lines[gone + 1 :], head) == [gone + 1]


@given(long_chains, st.data())
def test_a_swap_is_found_at_the_first_of_the_two(built: tuple[list[bytes], ChainHead], data: st.DataObject) -> None:
    lines, head = built
    first, second = sorted(data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True)))
    lines[first], lines[second] = lines[second], lines[first]
    assert positions(lines, head)[0] == first + 1


@given(chains, events, st.data())
def test_an_edit_is_found_at_the_line_or_the_one_that_follows(
    built: tuple[list[bytes], ChainHead], other: AuditEvent, data: st.DataObject
) -> None:
    lines, head = built
    edited = data.draw(st.integers(0, len(lines) - 1))
    record = read_record(lines[edited])
    line = replace(record, event=replace(other, actor=record.event.actor + "!")).line()
    lines[edited] = line
    assert positions(lines, head) == [min(edited + 2, len(lines))]


@given(chains, st.data())
def test_a_flipped_bit_is_found_at_the_line_or_the_one_that_follows(
    built: tuple[list[bytes], ChainHead], data: st.DataObject
) -> None:
    lines, head = built
    edited = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[edited])
    line[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    lines[edited] = bytes(line)
    assert positions(lines, head)[0] in (edited + 1, edited + 2)


@given(chains, events, st.data())
def test_an_inserted_line_is_found_there_or_at_the_one_that_follows(
    built: tuple[list[bytes], ChainHead], event: AuditEvent, data: st.DataObject
) -> None:
    """Even one that was made to fit what stands before it."""
    lines, head = built
    place = data.draw(st.integers(0, len(lines) - 1))
    before = ChainHead(place, hash_bytes(lines[place - 1])) if place else EMPTY
    forged, _ = seal(event, at=AT, head=before)
    assert positions([*lines[:place], forged.line(), *lines[place:]], head)[0] in (place + 1, place + 2)


@given(chains, st.data())
def test_a_line_said_twice_is_found_at_the_second(built: tuple[list[bytes], ChainHead], data: st.DataObject) -> None:
    lines, head = built
    twice = data.draw(st.integers(0, len(lines) - 1))
    assert positions([*lines[: twice + 1], *lines[twice:]], head)[0] == twice + 2


@given(chains)
def test_lines_missing_at_the_end_are_seen_against_the_head_only(built: tuple[list[bytes], ChainHead]) -> None:
    """Why the head is kept apart, and why a checkpoint elsewhere makes it stronger."""
    lines, head = built
    assert positions(lines[:-1]) == []
    assert positions(lines[:-1], head) == [len(lines)]


@given(chains, events)
def test_a_chain_may_have_grown_since_the_head_was_taken(
    built: tuple[list[bytes], ChainHead], event: AuditEvent
) -> None:
    """Otherwise a record that is added during verification would look like a break."""
    lines, head = built
    assert positions([*lines, seal(event, at=AT, head=head)[0].line()], head) == []


@pytest.mark.parametrize(
    "alter",
    [
        lambda record: record | {"note": "free text"},
        lambda record: record | {"outcome": "maybe"},
        lambda record: record | {"seq": True},
        lambda record: record | {"seq": "1"},
        lambda record: record | {"revision": 1.5},
        lambda record: record | {"actor": ["op-0"]},
        lambda record: record | {"ts": "yesterday"},
        lambda record: record | {"prev": "sha3-256:0"},
        lambda record: record | {"object": ""},
        lambda record: {name: value for name, value in record.items() if name != "actor"},
        lambda record: [record],
        lambda record: None,
    ],
)
def test_a_line_of_another_shape_is_no_record(alter) -> None:
    """The schema is closed: nothing personal can slip in under another name."""
    record, _ = seal(AuditEvent("a.b", "done", "op-0"), at=AT, head=EMPTY)
    line = canonical_json(alter(strict_json(record.line())))
    with pytest.raises(InvalidInput) as refusal:
        read_record(line)
    assert refusal.value.code == "audit.malformed"
    assert positions([line]) == [1]


def test_another_spelling_of_the_same_record_is_no_record() -> None:
    record, _ = seal(AuditEvent("a.b", "done", "op-0"), at=AT, head=EMPTY)
    spaced = record.line().replace(b",", b", ")
    assert positions([spaced]) == [1]
