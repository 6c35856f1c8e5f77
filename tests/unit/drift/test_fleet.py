"""A fleet's evidence is the sum of its replicas' on the same step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.drift.counts import Counts
from engine.drift.fleet import combine
from engine.drift.sample import Explanation, ReplicaSample, Traffic

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sample(replica: str, *, age_s: float = 1.0, step_id: str = "now", revision: int = 3, n: int = 10) -> ReplicaSample:
    counts = Counts(requests=n, enforced=n)
    return ReplicaSample(
        replica=replica,
        policy_id="p",
        step_id=step_id,
        revision=revision,
        at=NOW - timedelta(seconds=age_s),
        step=counts,
        step_traffic=Traffic(n, 1, (n,)),
        windows={"5m": counts},
        recent=Traffic(n, 0, (n,)),
        requests_per_s=2.0,
        explained=(Explanation("R1", "member_found", "over_block", False, n),),
    )


def test_replicas_of_the_step_add_up() -> None:
    """Counts, traffic, rates and reasons are summed; the newest report is the source's age."""
    fleet = combine([sample("b", age_s=9.0), sample("a", age_s=4.0)], "now", NOW)
    assert fleet.step.enforced == 20
    assert fleet.step_traffic == Traffic(20, 2, (20,))
    assert fleet.windows["5m"].requests == 20
    assert fleet.requests_per_s == 4.0
    assert fleet.source_age_s == 4.0
    assert fleet.explained == (Explanation("R1", "member_found", "over_block", False, 20),)
    assert [replica.name for replica in fleet.replicas] == ["a", "b"]


def test_another_step_is_no_evidence() -> None:
    """A replica that has not heard of the step yet is listed, and counts nothing for it."""
    fleet = combine([sample("late", step_id="before", revision=2)], "now", NOW)
    assert fleet.step == Counts()
    assert fleet.source_age_s is None
    assert [(r.name, r.revision, r.current) for r in fleet.replicas] == [("late", 2, False)]


def test_a_silent_replica_keeps_its_evidence_but_not_its_present() -> None:
    """What it saw of the step stays true; its windows and rate would never end."""
    fleet = combine([sample("dead", age_s=61.0), sample("alive")], "now", NOW)
    assert fleet.step.enforced == 20
    assert fleet.windows["5m"].requests == 10
    assert fleet.requests_per_s == 2.0
    assert [(r.name, r.silent) for r in fleet.replicas] == [("alive", False), ("dead", True)]


def test_a_report_from_the_future_is_as_old_as_it_is_early() -> None:
    """A clock that runs ahead cannot keep a dead source alive."""
    fleet = combine([sample("ahead", age_s=-300.0)], "now", NOW)
    assert fleet.source_age_s == 300.0
    assert fleet.replicas[0].silent


def test_no_report_is_no_source() -> None:
    """An empty fleet has no age and no counts."""
    fleet = combine([], "now", NOW)
    assert (fleet.source_age_s, fleet.step, fleet.replicas) == (None, Counts(), ())
