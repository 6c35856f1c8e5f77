"""The whole look at a trail: whatever is done to it is found and located, also by those who can redo the chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit import (
    EMPTY,
    EMPTY_TREE,
    AuditEvent,
    ChainHead,
    Checkpoint,
    CompactRange,
    leaf_hash,
    read_record,
    seal,
)
from engine.audit.verification import MOST_BREAKS, verify_trail

AT = datetime(2026, 3, 1, tzinfo=UTC)
LENGTH = 1_000
EVERY = 256
ORIGIN = "capctl.audit/0123456789abcdef"


def record(events: list[AuditEvent]) -> tuple[list[bytes], ChainHead, CompactRange]:
    """A sound trail of these events, as whoever holds the registry can make one."""
    lines, head, tree = [], EMPTY, EMPTY_TREE
    for number, event in enumerate(events):
        sealed, head = seal(event, at=AT + timedelta(seconds=number), head=head)
        lines.append(sealed.line())
        tree = tree.append(leaf_hash(lines[-1]))
    return lines, head, tree


def events(length: int) -> list[AuditEvent]:
    return [AuditEvent("rollout.set", "done", "op-0123456789ab", revision=number) for number in range(length)]


def checkpoint(lines: list[bytes]) -> Checkpoint:
    tree = EMPTY_TREE
    for line in lines:
        tree = tree.append(leaf_hash(line))
    return Checkpoint(ORIGIN, tree.size, tree.root())


TRAIL, HEAD, TREE = record(events(LENGTH))
SIGNED = [checkpoint(TRAIL[:size]) for size in (*range(EVERY, LENGTH, EVERY), LENGTH)]

Manipulation = Callable[[int], list[bytes]]
"""Makes of the trail one that was manipulated at a line, counted from 0."""


def deleted(at: int) -> list[bytes]:
    return TRAIL[:at] + TRAIL[at + 1 :]


def swapped(at: int) -> list[bytes]:
    other = at + 1 if at + 1 < LENGTH else 0
    lines = list(TRAIL)
    lines[at], lines[other] = lines[other], lines[at]
    return lines


def edited(at: int) -> list[bytes]:
    original = read_record(TRAIL[at])
    forged = replace(original, event=replace(original.event, actor="op-ba9876543210"))
    return [*TRAIL[:at], forged.line(), *TRAIL[at + 1 :]]


def inserted(at: int) -> list[bytes]:
    original = read_record(TRAIL[at])
    forged = replace(original, event=replace(original.event, outcome="refused", code="x.y"))
    return [*TRAIL[:at], forged.line(), *TRAIL[at:]]


def truncated(at: int) -> list[bytes]:
    return TRAIL[:at]


MANIPULATIONS = [deleted, swapped, edited, inserted, truncated]


def check_found(manipulate: Manipulation, at: int) -> None:
    """It is found at the line itself, or at the next one, which no longer continues it."""
    lines = manipulate(at)
    report = verify_trail(lines, head=HEAD, tree=TREE, checkpoints=SIGNED)
    places = {found.position for found in report.breaks}
    touched = {at + 1, at + 2} if manipulate is not swapped or at + 1 < LENGTH else {1, 2, LENGTH}
    assert places & touched, (manipulate.__name__, at, report.breaks)
    assert report.covered <= at


@pytest.mark.parametrize("manipulate", MANIPULATIONS)
@pytest.mark.parametrize("at", [0, 1, 255, 256, 257, 500, 998, 999])
def test_one_line_is_found(manipulate: Manipulation, at: int) -> None:
    check_found(manipulate, at)


@pytest.mark.slow
@pytest.mark.parametrize("manipulate", MANIPULATIONS)
def test_every_line_is_found(manipulate: Manipulation, record_property: Callable[[str, object], None]) -> None:
    """Each of the thousand lines deleted, swapped, edited, doubled with a change, and cut off."""
    for at in range(LENGTH):
        check_found(manipulate, at)
    record_property("tried", f"{LENGTH:,} {manipulate.__name__}")


def test_an_untouched_trail_is_intact() -> None:
    report = verify_trail(TRAIL, head=HEAD, tree=TREE, checkpoints=SIGNED)
    assert report.is_intact
    assert (report.size, report.covered, report.tree) == (LENGTH, LENGTH, TREE)


def test_a_trail_may_have_grown_meanwhile() -> None:
    """Otherwise recording something during a verification would look like a break."""
    report = verify_trail(TRAIL, head=ChainHead(900, read_record(TRAIL[900]).prev), checkpoints=SIGNED[:2])
    assert report.is_intact
    assert report.covered == 2 * EVERY


@pytest.mark.parametrize("at", [0, 255, 256, 600, 999])
def test_a_rewritten_trail_is_found_between_two_checkpoints(at: int) -> None:
    """Chain, head and tree were all redone by somebody who has the registry; only what was signed stands in the way."""
    forged = events(LENGTH)
    forged[at] = replace(forged[at], actor="op-ba9876543210")
    lines, head, tree = record(forged)
    assert verify_trail(lines, head=head, tree=tree).is_intact
    report = verify_trail(lines, head=head, tree=tree, checkpoints=SIGNED)
    sizes = [0, *(signed.size for signed in SIGNED)]
    last_good = max(size for size in sizes if size <= at)
    assert [found.position for found in report.breaks] == [last_good + 1]
    assert report.covered == last_good


@pytest.mark.parametrize("kept", [0, 1, 511, 512, 999])
def test_a_trail_that_was_cut_and_patched_is_found_against_the_checkpoint(kept: int) -> None:
    """The registry itself knows of nothing more; the second place does."""
    lines, head, tree = record(events(kept))
    assert verify_trail(lines, head=head, tree=tree).is_intact
    report = verify_trail(lines, head=head, tree=tree, checkpoints=SIGNED)
    assert [found.position for found in report.breaks] == [kept + 1]
    assert f"{LENGTH - kept} record" in report.breaks[0].problem


def test_a_trail_that_was_cut_and_grew_again_is_found() -> None:
    """As long as before, sound in itself, and with another story from record 801 on."""
    again = [*events(800), *(AuditEvent("rollout.pause", "done", "op-0123456789ab") for _ in range(200))]
    lines, head, tree = record(again)
    report = verify_trail(lines, head=head, tree=tree, checkpoints=SIGNED)
    assert [found.position for found in report.breaks] == [3 * EVERY + 1]


def test_two_stories_that_were_both_signed_are_found() -> None:
    """Whichever of the two the trail tells now."""
    fork = Checkpoint(ORIGIN, 512, bytes(32))
    report = verify_trail(TRAIL, head=HEAD, checkpoints=[*SIGNED, fork])
    assert [found.position for found in report.breaks] == [EVERY + 1]


def test_an_edited_last_line_is_found_by_the_tree_alone() -> None:
    forged = [*TRAIL[:-1], edited(LENGTH - 1)[-1]]
    assert not verify_trail(forged, tree=TREE).is_intact


def test_a_trail_of_rubbish_is_not_listed_line_by_line() -> None:
    report = verify_trail([b"rubbish"] * 10_000, head=HEAD)
    assert len(report.breaks) == MOST_BREAKS


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_every_part_of_a_sound_trail_fits_its_checkpoints(size: int, first: int, second: int) -> None:
    lines, head, tree = record(events(size))
    signed = [checkpoint(lines[:at]) for at in (first, second) if 0 < at <= size]
    report = verify_trail(lines, head=head, tree=tree, checkpoints=signed)
    assert report.is_intact
    assert report.covered == max((one.size for one in signed), default=0)
