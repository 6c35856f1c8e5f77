"""A signed place in the audit trail: growing leads on from it, and every rewriting leads away from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audit import EMPTY, AuditEvent, ChainHead, seal
from engine.ids import hash_bytes
from engine.readiness.trail import TrailMark, still_leads_to
from tests.samples.stored import AT


class Lines:
    """A trail in memory that counts the lines it gives."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = list(lines)
        self.given = 0

    def audit_numbered_back(self, *, before: int | None = None) -> Iterator[tuple[int, bytes]]:
        end = len(self.lines) if before is None else min(before - 1, len(self.lines))
        for seq in range(end, 0, -1):
            self.given += 1
            yield seq, self.lines[seq - 1]


def recorded(actions: Sequence[str]) -> list[bytes]:
    """A sound chain of records, one for each action."""
    head: ChainHead = EMPTY
    lines = []
    for action in actions:
        record, head = seal(AuditEvent(action, "done", "op-0"), at=AT, head=head)
        lines.append(record.line())
    return lines


def mark_at(lines: Sequence[bytes], size: int) -> TrailMark:
    return TrailMark(size, hash_bytes(lines[size - 1]) if size else EMPTY.hash)


def leads(lines: Sequence[bytes], mark: TrailMark, most: int | None) -> bool:
    trail: Any = Lines(lines)
    return still_leads_to(trail, mark, most=most)


SIZES = st.integers(1, 12)
MOST = st.none() | st.integers(1, 15)
NAMES = [f"act.{number}" for number in range(20)]


@given(size=st.integers(0, 12), more=st.integers(0, 8), most=MOST)
def test_a_trail_that_grew_leads_on(size: int, more: int, most: int | None) -> None:
    lines = recorded(NAMES[: size + more])
    assert leads(lines, mark_at(lines, size), most)


@given(size=SIZES, more=st.integers(0, 8), at=st.integers(0, 11), most=MOST)
def test_a_rewritten_trail_does_not_however_sound_it_is_in_itself(
    size: int, more: int, at: int, most: int | None
) -> None:
    """Also where the rewriting lies further back than is looked."""
    names = NAMES[: size + more]
    mark = mark_at(recorded(names), size)
    names[at % size] = "act.other"
    assert not leads(recorded(names), mark, most)


@given(size=SIZES, missing=SIZES, most=MOST)
def test_a_trail_that_was_cut_does_not(size: int, missing: int, most: int | None) -> None:
    lines = recorded(NAMES[:size])
    assert not leads(lines[: max(0, size - missing)], mark_at(lines, size), most)


@given(size=SIZES, at=st.integers(0, 11), most=MOST)
def test_a_line_altered_alone_is_seen_where_it_is_looked_at(size: int, at: int, most: int | None) -> None:
    """Reading everything, always."""
    lines = recorded(NAMES[:size])
    mark, at = mark_at(lines, size), at % size
    lines[at] = lines[at].replace(b"done", b"held")
    is_looked_at = most is None or size - at <= most
    assert leads(lines, mark, most) is not is_looked_at


@pytest.mark.parametrize("most", [1, 50, None])
def test_a_line_that_was_taken_out_is_seen(most: int | None) -> None:
    lines = recorded(NAMES)
    mark = mark_at(lines, 15)
    del lines[14]
    assert not leads(lines, mark, most)


@pytest.mark.parametrize("line", [b"", b"no record", b"[]", b"{}", b'{"prev":null}', b"\xff"])
def test_a_mark_over_something_else_than_records_leads_nowhere(line: bytes) -> None:
    """Where the end was exchanged together with what is kept of it, before anybody signed."""
    lines = [*recorded(NAMES), line]
    assert not leads(lines, mark_at(lines, len(lines)), None)


def test_no_more_lines_are_read_of_a_longer_trail() -> None:
    given_lines = []
    for size in (300, 3_000):
        lines = recorded(["act.done"] * (size + 50))
        trail: Any = Lines(lines)
        assert still_leads_to(trail, mark_at(lines, size), most=100)
        given_lines.append(trail.given)
    assert given_lines == [100, 100]
