"""Rolling windows count exactly what a list of timestamped events would, and stay small."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decision.verdict import Decision, Drift, Outcome, Verdict
from engine.drift.counts import Counts
from engine.drift.windows import OTHER, DriftWindows

WIDTHS = {"5m": 5, "15m": 15, "60m": 60}
OK = Outcome(Verdict.OK, (), True)


def decision(
    policy_id: str = "p", *, applied: bool = True, drift: Drift = Drift.NONE, preview: Drift = Drift.NONE
) -> Decision:
    return Decision(policy_id, OK, OK, OK, applied, 0, drift, preview)


def decisions() -> st.SearchStrategy[Decision]:
    policies, directions = st.sampled_from("ab"), st.sampled_from(Drift)
    applied = st.builds(lambda p, d: decision(p, drift=d), policies, directions)
    left = st.builds(lambda p, d: decision(p, applied=False, preview=d), policies, directions)
    return applied | left


def counts_by_hand(events: list[Decision]) -> Counts:
    def count(side: str, direction: Drift) -> int:
        return sum(getattr(event, side) is direction for event in events)

    return Counts(
        requests=len(events),
        enforced=sum(event.applied for event in events),
        over_block=count("drift", Drift.OVER_BLOCK),
        under_block=count("drift", Drift.UNDER_BLOCK),
        unknown=count("drift", Drift.UNKNOWN),
        preview_over_block=count("preview", Drift.OVER_BLOCK),
        preview_under_block=count("preview", Drift.UNDER_BLOCK),
        preview_unknown=count("preview", Drift.UNKNOWN),
    )


class HandClock:
    """Monotonic seconds that a test sets."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


steps = st.integers(0, 20) | st.integers(0, 400) | st.sampled_from([4, 5, 295, 300, 900, 3595, 3600, 10_000])


@settings(max_examples=150, deadline=None)
@given(start=st.integers(0, 10_000), script=st.lists(st.tuples(steps, st.none() | decisions()), max_size=60))
def test_windows_equal_a_list_of_timestamped_events(start: int, script: list[tuple[int, Decision | None]]) -> None:
    """At every moment a window holds the events of its filling bucket and the fifty-nine before, no more, no less."""
    clock = HandClock(start)
    windows = DriftWindows(clock)
    events: list[tuple[float, Decision]] = []
    for seconds, event in script:
        clock.now += seconds
        if event is not None:
            windows.record(event)
            events.append((clock.now, event))
        for window, width in WIDTHS.items():
            newest = clock.now // width
            inside = [e for at, e in events if at // width > newest - 60]
            assert windows.counts(window) == counts_by_hand(inside)
            assert windows.counts(window, "a") == counts_by_hand([e for e in inside if e.policy_id == "a"])


def test_a_window_empties_while_nobody_records() -> None:
    """Silence decays to zero on reading, window by window."""
    clock = HandClock(1000.0)
    windows = DriftWindows(clock)
    windows.record(decision(drift=Drift.OVER_BLOCK))
    held = {}
    for elapsed in (299, 300, 900, 3600):
        clock.now = 1000.0 + elapsed
        held[elapsed] = [windows.counts(window).drift for window in WIDTHS]
    assert held == {299: [1, 1, 1], 300: [0, 1, 1], 900: [0, 0, 1], 3600: [0, 0, 0]}


def test_a_clock_that_runs_backwards_loses_and_moves_nothing() -> None:
    """Events recorded under a backward clock count in the open cell; what was there stays."""
    clock = HandClock(5000.0)
    windows = DriftWindows(clock)
    windows.record(decision())
    clock.now = 100.0
    windows.record(decision())
    assert windows.counts("5m").requests == 2
    clock.now = 5004.0
    windows.record(decision())
    assert windows.counts("5m").requests == 3
    clock.now = 5300.0
    assert windows.counts("5m").requests == 0


def test_ten_thousand_policies_stay_bounded_and_are_all_counted() -> None:
    """Beyond the bound policies share `_other`; nothing is lost from the overall count."""
    clock = HandClock()
    windows = DriftWindows(clock, max_policies=100)
    for number in range(10_000):
        windows.record(decision(f"policy-{number}"))
    clock.now = 7.0
    assert len(windows.policies()) == 101
    assert windows.counts("5m", OTHER).requests == 9_900
    assert windows.counts("5m").requests == 10_000


def test_a_policy_under_rollout_gets_windows_beyond_the_bound() -> None:
    """Callers who fill the bound with other policies cannot blind the gate."""
    windows = DriftWindows(HandClock(), max_policies=1)
    windows.record(decision("noise"))
    windows.track("wanted")
    windows.record(decision("wanted"))
    assert windows.counts("5m", "wanted").requests == 1


def test_a_policy_that_was_never_seen_has_no_counts() -> None:
    """Asking for it neither fails nor makes room for it."""
    windows = DriftWindows(HandClock())
    assert windows.counts("5m", "nobody") == Counts()
    assert windows.policies() == ()


@pytest.mark.parametrize("rate", [1, 1000])
def test_memory_does_not_grow_with_the_rate(rate: int) -> None:
    """An hour at a thousand a second takes what an hour at one a second takes: rings, not events."""
    clock = HandClock()
    windows = DriftWindows(clock)
    for second in range(0, 3600, 60):
        clock.now = second
        for _ in range(rate // 10 + 1):
            windows.record(decision())
    windows.counts("60m")
    rings = windows._policies["p"].values()
    size = sum(sys.getsizeof(ring._buckets) + sys.getsizeof(ring.total) for ring in rings)
    assert size < 64 * 1024


def test_threads_lose_no_event() -> None:
    """Eight threads recording at once are all counted."""
    windows = DriftWindows(HandClock())
    event = decision(drift=Drift.UNKNOWN)

    def work() -> None:
        for _ in range(2_000):
            windows.record(event)

    threads = [threading.Thread(target=work) for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert windows.counts("5m").unknown == 16_000
