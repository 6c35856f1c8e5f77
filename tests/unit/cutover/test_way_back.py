"""Which revision a release goes back to: one that served, and never forward to what was left."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cutover.target import GOOD, Revision, way_back

AT = datetime(2026, 3, 14, tzinfo=UTC)
STATUSES = st.sampled_from(["deployed", "superseded", "failed", "pending-upgrade"])


def entry(number: int, status: str, description: str = "") -> Revision:
    """An entry of a history."""
    return Revision(number, status, AT, "capctl-0.1.0", description=description)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], None),
        ([entry(1, "deployed")], None),
        ([entry(2, "deployed"), entry(1, "superseded")], 1),
        ([entry(3, "failed"), entry(2, "deployed"), entry(1, "superseded")], 2),
        ([entry(3, "pending-upgrade"), entry(2, "failed"), entry(1, "superseded")], 1),
        ([entry(4, "deployed", "Rollback to 2"), entry(3, "superseded"), entry(2, "superseded")], None),
        ([entry(4, "deployed", "rollback to 2"), *(entry(n, "superseded") for n in (3, 2, 1))], 1),
    ],
)
def test_the_way_back(history: list[Revision], expected: int | None) -> None:
    """From what serves to before it; from what does not come up to what served last; from a way back further back."""
    assert way_back(history) == expected


@given(st.lists(STATUSES, min_size=1, max_size=12))
def test_the_way_back_served_and_is_older(statuses: list[str]) -> None:
    """Whatever happened to a release."""
    history = [entry(len(statuses) - place, status) for place, status in enumerate(statuses)]
    found = way_back(history)
    if found is not None:
        assert statuses[len(statuses) - found] in GOOD
        assert found < history[0].number or history[0].status == "superseded"
