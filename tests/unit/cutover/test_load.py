"""A load test tells the truth: whatever a server or the generator does, it shows in the percentiles."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cutover import load
from engine.cutover.load import Answer, OpenLoop
from engine.cutover.load_ledger import MAX_BACKENDS, MAX_SLOTS, Ledger, Outcome
from engine.cutover.load_report import LoadPlan, LoadReport, LoadSecond
from engine.cutover.slo import Slo
from engine.errors import InvalidInput
from tests.unit.cutover.virtual_time import VirtualLoop, run

QUICK_S = 0.01


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def quick() -> Answer:
    await asyncio.sleep(QUICK_S)
    return Answer(200)


def stalling(from_s: float, for_s: float) -> Callable[[], Awaitable[Answer]]:
    """A server that answers quickly, but for a stretch in which it answers nobody until the stretch is over."""

    async def send() -> Answer:
        at = now_s()
        if from_s <= at < from_s + for_s:
            await asyncio.sleep(from_s + for_s - at)
        return await quick()

    return send


def drive(plan: LoadPlan, send: Callable[[], Awaitable[Answer]]) -> OpenLoop:
    async def main() -> OpenLoop:
        loop = OpenLoop(plan, send)
        await loop.run()
        return loop

    return run(main())


def report(loop: OpenLoop, plan: LoadPlan, slo: Slo | None = None) -> LoadReport:
    known = {"at": datetime(2026, 1, 1, tzinfo=UTC), "env": "demo", "base": "http://127.0.0.1", "elapsed_s": 1.0}
    return LoadReport.of(loop.ledger, plan, slo or Slo(), **known)


def test_a_healthy_server_passes() -> None:
    plan = LoadPlan(rps=20, duration_s=60)
    result = report(drive(plan, quick), plan)
    assert (result.answer, result.due, result.failed) == ("yes", 1200, 0)
    assert result.latency_s["p95"] == pytest.approx(QUICK_S, rel=0.01)
    assert [slot.due for slot in result.course] == [20] * 60


@settings(deadline=None, max_examples=20)
@given(
    rps=st.integers(5, 30),
    stall_s=st.floats(1.0, 8.0),
    from_s=st.floats(0.0, 12.0),
    quantile=st.sampled_from([("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)]),
)
def test_a_stall_shows_in_the_percentiles(rps: int, stall_s: float, from_s: float, quantile: tuple[str, float]) -> None:
    """Every request that was due while the server stalled waited for the stall to end.

    A closed loop would have sent one request a connection into the stall and called all others quick.
    """
    plan = LoadPlan(rps=rps, duration_s=15, timeout_s=30)
    result = report(drive(plan, stalling(from_s, stall_s)), plan)
    due = [number / rps for number in range(plan.requests)]
    waited = sorted(
        max(0.0, from_s + stall_s - at) + QUICK_S if from_s <= at < from_s + stall_s else QUICK_S for at in due
    )
    name, q = quantile
    expected = waited[min(len(waited) - 1, round(q * len(waited)))]
    neighbours = waited[max(0, round(q * len(waited)) - 3)], waited[min(len(waited) - 1, round(q * len(waited)) + 2)]
    assert neighbours[0] * 0.998 - 0.001 <= result.latency_s[name] <= neighbours[1] * 1.002 + 0.001, expected
    assert result.latency_s["max"] == pytest.approx(waited[-1], rel=0.002, abs=0.001)


def test_a_dead_server_is_red_however_fast_it_fails() -> None:
    """Connections that are refused in a millisecond are no quick answers."""

    async def refused() -> Answer:
        raise ConnectionRefusedError

    plan = LoadPlan(rps=20, duration_s=10)
    result = report(drive(plan, refused), plan)
    assert (result.answer, result.failed) == ("no", 200)
    assert result.latency_s["p50"] >= plan.timeout_s
    assert result.outcomes[Outcome.LOST] == 200


def test_a_server_that_dies_half_way_is_red() -> None:
    async def dying() -> Answer:
        if now_s() >= 30:
            raise ConnectionResetError
        return await quick()

    plan = LoadPlan(rps=20, duration_s=60)
    result = report(drive(plan, dying), plan)
    assert (result.answer, result.failed) == ("no", 600)
    assert result.latency_s["p50"] < 0.1 <= result.latency_s["p95"]
    assert [slot.failed for slot in result.course] == [0] * 30 + [20] * 30


def test_a_server_that_never_answers_ends_with_its_callers_patience() -> None:
    async def never() -> Answer:
        await asyncio.sleep(3600)
        return Answer(200)

    plan = LoadPlan(rps=10, duration_s=20, timeout_s=5)
    result = report(drive(plan, never), plan)
    assert (result.outcomes[Outcome.TIMEOUT], result.answer) == (200, "no")
    assert result.latency_s["max"] == pytest.approx(5, rel=0.01)


@pytest.mark.parametrize(
    ("status", "outcome"), [(500, Outcome.ERROR), (503, Outcome.ERROR), (401, Outcome.REFUSED), (429, Outcome.REFUSED)]
)
def test_an_answer_that_is_no_success_is_a_failure_and_said_with_its_status(status: int, outcome: Outcome) -> None:
    async def refuse() -> Answer:
        return Answer(status)

    plan = LoadPlan(rps=20, duration_s=10)
    result = report(drive(plan, refuse), plan)
    assert (result.outcomes[outcome], result.statuses, result.answer) == (200, {status: 200}, "no")


def test_requests_beyond_what_may_wait_are_counted_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_WAITING", 30)
    plan = LoadPlan(rps=20, duration_s=20)
    result = report(drive(plan, stalling(5, 10)), plan)
    assert result.due == 400
    assert sum(result.outcomes.values()) == 400
    assert result.outcomes[Outcome.UNSENT] > 100
    assert result.answer == "no"


def test_a_generator_that_was_suspended_proves_nothing() -> None:
    """The machine slept for three seconds: the lateness is in the percentiles, and the report says whose it is."""

    async def main() -> OpenLoop:
        loop = OpenLoop(plan, quick)
        virtual = asyncio.get_running_loop()
        assert isinstance(virtual, VirtualLoop)
        virtual.call_at(5.0, virtual.pause, 3.0)
        await loop.run()
        return loop

    plan = LoadPlan(rps=20, duration_s=20)
    result = report(run(main()), plan)
    assert result.latency_s["max"] == pytest.approx(3.0, rel=0.02)
    assert (result.answer, result.due) == ("hold", 400)
    assert "this machine came" in result.doubts[0]


def test_too_few_requests_prove_nothing() -> None:
    plan = LoadPlan(rps=5, duration_s=10)
    assert report(drive(plan, quick), plan).answer == "hold"


@pytest.mark.parametrize(("failing", "answer"), [(9, "yes"), (10, "no"), (11, "no")])
def test_the_share_of_errors_must_stay_below_its_limit(failing: int, answer: str) -> None:
    sent = 0

    async def send() -> Answer:
        nonlocal sent
        sent += 1
        return Answer(500 if sent <= failing else 200)

    plan = LoadPlan(rps=100, duration_s=10)
    assert report(drive(plan, send), plan).answer == answer


def test_every_second_is_told_while_it_runs() -> None:
    told: list[LoadSecond] = []

    async def main() -> None:
        await OpenLoop(LoadPlan(rps=10, duration_s=5, timeout_s=20), stalling(2, 1.5), told.append).run()

    run(main())
    assert [round(second.due, -1) for second in told[:4]] == [10, 20, 30, 40]
    assert [second.waiting > 5 for second in told[:4]] == [False, False, True, False]
    assert "waiting" in told[0].line


def test_memory_does_not_grow_with_the_run() -> None:
    day = Ledger(duration_s=86_400, timeout_s=10)
    for number in range(5000):
        day.note_due(number * 17.0, lag_s=0.0)
        day.settle(number * 17.0, 0.01, Outcome.ANSWERED, status=200, backend=f"b{number}")
    assert len(day.course()) <= MAX_SLOTS + 1
    assert len(day.backends) <= MAX_BACKENDS + 1
    assert sum(day.backends.values()) == 5000


def test_the_report_carries_its_histogram() -> None:
    """Whoever reads the document can compute any percentile, not only those that were chosen."""
    plan = LoadPlan(rps=20, duration_s=10)
    document = json.loads(report(drive(plan, quick), plan).document)
    again = HdrHistogram.decode(document["histogram"])
    assert again.get_total_count() == document["due"] == 200
    assert again.get_value_at_percentile(95) / 1e6 == pytest.approx(document["latency_s"]["p95"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: LoadPlan(rps=0),
        lambda: LoadPlan(rps=float("nan")),
        lambda: LoadPlan(rps=5000),
        lambda: LoadPlan(duration_s=0),
        lambda: LoadPlan(timeout_s=0),
        lambda: Slo(p95_s=0),
        lambda: Slo(error_ratio=0),
        lambda: Slo(error_ratio=1.5),
    ],
)
def test_what_cannot_be_done_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidInput):
        make()
