"""What is said of a release, for everything that helm's history and this machine's record can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cutover.diagnosis import diagnose
from engine.cutover.target import Phase, Revision, UnderWay

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
STATUSES = ("deployed", "superseded", "failed", "pending-install", "pending-upgrade", "pending-rollback", "uninstalled")


def revision(number: int, status: str, *, minutes_ago: float = 1) -> Revision:
    return Revision(number, status, NOW - timedelta(minutes=minutes_ago), "cap-0.1.0")


def change(*, is_alive: bool, action: str = "apply", from_revision: int = 1) -> UnderWay:
    return UnderWay(action, "oncall", NOW, "upgrade", is_alive, from_revision)


@pytest.mark.parametrize(
    ("history", "under_way", "phase", "way_out"),
    [
        ((), None, Phase.ABSENT, "capctl deploy apply"),
        ((), change(is_alive=True), Phase.RUNNING, ""),
        ((), change(is_alive=False), Phase.INTERRUPTED, "capctl deploy apply"),
        ((revision(1, "deployed"),), None, Phase.DEPLOYED, ""),
        ((revision(1, "deployed"),), change(is_alive=False), Phase.INTERRUPTED, "capctl deploy apply"),
        ((revision(1, "failed"),), None, Phase.FAILED, "capctl deploy apply"),
        ((revision(2, "failed"), revision(1, "deployed")), None, Phase.FAILED, "capctl deploy rollback"),
        ((revision(2, "pending-upgrade"), revision(1, "deployed")), None, Phase.RUNNING, ""),
        (
            (revision(2, "pending-upgrade", minutes_ago=11), revision(1, "deployed")),
            None,
            Phase.INTERRUPTED,
            "capctl deploy rollback 1",
        ),
        (
            (revision(3, "pending-upgrade"), revision(2, "failed"), revision(1, "superseded")),
            change(is_alive=False),
            Phase.INTERRUPTED,
            "capctl deploy rollback 1",
        ),
        ((revision(1, "pending-install"),), change(is_alive=False), Phase.INTERRUPTED, "capctl deploy apply"),
    ],
)
def test_the_phase_and_the_way_out(
    history: tuple[Revision, ...], under_way: UnderWay | None, phase: Phase, way_out: str
) -> None:
    found = diagnose(history, under_way, NOW)
    assert (found.phase, found.way_out) == (phase, way_out)


def test_an_interrupted_change_says_whether_helm_had_begun() -> None:
    """The newest revision is the one from before, or a newer one."""
    untouched = diagnose((revision(1, "deployed"),), change(is_alive=False), NOW)
    ended = diagnose((revision(2, "deployed"), revision(1, "superseded")), change(is_alive=False), NOW)
    assert "helm had changed nothing yet" in untouched.explanation
    assert "helm ended as revision 2, and nobody awaited its readiness" in ended.explanation


HISTORIES = st.lists(st.sampled_from(STATUSES), max_size=6).map(
    lambda statuses: tuple(revision(len(statuses) - i, status) for i, status in enumerate(statuses))
)


@given(HISTORIES, st.sampled_from((None, change(is_alive=True), change(is_alive=False))))
def test_nothing_but_a_finished_deployment_counts_as_one(
    history: tuple[Revision, ...], under_way: UnderWay | None
) -> None:
    """Fail closed: deployed needs a newest revision that is, and nobody at work or cut off."""
    found = diagnose(history, under_way, NOW)
    finished = bool(history) and history[0].status == "deployed" and under_way is None
    assert (found.phase is Phase.DEPLOYED) == finished


@given(HISTORIES, st.sampled_from((None, change(is_alive=False))))
def test_whatever_is_wrong_has_a_way_out(history: tuple[Revision, ...], under_way: UnderWay | None) -> None:
    """And where it names a revision, that one served."""
    found = diagnose(history, under_way, NOW)
    if found.phase in (Phase.DEPLOYED, Phase.RUNNING):
        return
    assert found.way_out.startswith("capctl deploy ")
    number = found.way_out.rpartition(" ")[2]
    assert not number.isdecimal() or any(item.number == int(number) and item.is_good for item in history)
