"""Rolling counts over 5, 15 and 60 minutes, per policy and over all of them.

Time is cut into cells of five seconds. A decision is added to the open cell of its policy: one dictionary look-up and
one increment. When the cell's time is over it is folded into three rings of sixty buckets each (5, 15 and 60 s wide),
whose totals are kept by adding what comes and subtracting what leaves. A read folds and moves the rings up to now
first, so that a window empties while nobody records.

Exactly: with c = floor(now / 5 s) and k = 1, 3 or 12 cells a bucket, a window counts the decisions recorded in cells
from k * (c // k - 59) to c: the bucket that is filling and the fifty-nine before it. A five-minute window thus covers
between 295 and 300 seconds. A clock that runs backwards records into the open cell and moves nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final

from engine.decision.verdict import Decision, Drift
from engine.drift.counts import Counts

CELL_S: Final = 5
BUCKETS: Final = 60
CELLS_PER_BUCKET: Final = {"5m": 1, "15m": 3, "60m": 12}
"""By window name, see `engine.drift.sample.WINDOWS`."""

MAX_POLICIES: Final = 1_000
OTHER: Final = "_other"
"""Where policies beyond the bound are counted together: memory and labels stay bounded whatever callers send."""

EVENT_KINDS: Final = 10
"""A decision is exactly one of: not applied and of preview none, over, under, unknown (0..3), applied and of drift
none, over, under, unknown (4..7). A check of the baseline against itself is 8, one that disagreed also 9."""
SELF_CHECK: Final = 8
SELF_MISMATCH: Final = 9

_DIRECTION: Final = {Drift.NONE: 0, Drift.OVER_BLOCK: 1, Drift.UNDER_BLOCK: 2, Drift.UNKNOWN: 3}
_NONE: Final = Drift.NONE


def event_kind(decision: Decision) -> int:
    """Which of the kinds a decision is."""
    if decision.applied:
        return 4 if decision.drift is _NONE else 4 + _DIRECTION[decision.drift]
    return 0 if decision.preview is _NONE else _DIRECTION[decision.preview]


def counts_of(events: Sequence[int]) -> Counts:
    """Events per kind as counts."""
    enforced = sum(events[4:8])
    return Counts(sum(events[:4]) + enforced, enforced, *events[5:8], *events[1:4], *events[8:10])


class Ring:
    """Sixty buckets of counters with a running total.

    Args:
        slots: Counters a bucket.
        cells_per_bucket: Width of a bucket in cells.
    """

    __slots__ = ("_buckets", "_newest", "_slots", "_width", "total")

    def __init__(self, slots: int, cells_per_bucket: int) -> None:
        self._slots = slots
        self._width = cells_per_bucket
        self._buckets = array("q", bytes(8 * slots * BUCKETS))
        self._newest = 0
        self.total = [0] * slots
        """What the window holds, as of the cell it was last moved to."""

    def move_to(self, cell: int) -> None:
        """Let everything leave that a window ending in `cell` no longer covers."""
        newest = cell // self._width
        passed = newest - self._newest
        if passed <= 0:
            return
        self._newest = newest
        if passed >= BUCKETS:
            self._buckets = array("q", bytes(8 * self._slots * BUCKETS))
            self.total = [0] * self._slots
            return
        for bucket in range(newest - passed + 1, newest + 1):
            start = bucket % BUCKETS * self._slots
            for slot in range(self._slots):
                self.total[slot] -= self._buckets[start + slot]
                self._buckets[start + slot] = 0

    def add(self, cell: int, events: Sequence[int]) -> None:
        """Fold a finished cell in."""
        self.move_to(cell)
        start = cell // self._width % BUCKETS * self._slots
        for slot, count in enumerate(events):
            if count:
                self.total[slot] += count
                self._buckets[start + slot] += count


class DriftWindows:
    """Counts decisions in rolling windows. Thread-safe; a record is O(1), memory is bounded.

    Args:
        monotonic: The clock, in seconds.
        max_policies: How many policies get windows of their own; the others share one named `_other`.
    """

    def __init__(self, monotonic: Callable[[], float], *, max_policies: int = MAX_POLICIES) -> None:
        self._monotonic = monotonic
        self._max_policies = max_policies
        self.lock = Lock()
        """Guards everything here; a caller with counters of its own beside these takes it once for both."""
        self._cell = int(monotonic() // CELL_S)
        self._cell_ends = (self._cell + 1) * float(CELL_S)
        self._open: dict[str, list[int]] = {}
        self._policies: dict[str, dict[str, Ring]] = {}
        self._folded: dict[str, list[int]] = {}
        self._overall = _new_rings()

    def record(self, decision: Decision) -> None:
        """Count a decision now."""
        kind = event_kind(decision)
        # Spelt out: `with` and a call to `add` would cost half as much again as everything else here.
        self.lock.acquire()
        try:
            if self._monotonic() >= self._cell_ends:
                self._fold()
            self._open[decision.policy_id][kind] += 1
        except KeyError:
            self._open_cell(decision.policy_id)[kind] += 1
        finally:
            self.lock.release()

    def add(self, policy_id: str, kind: int) -> None:
        """Count an event of a kind now, for a caller that holds `lock`."""
        if self._monotonic() >= self._cell_ends:
            self._fold()
        try:
            self._open[policy_id][kind] += 1
        except KeyError:
            self._open_cell(policy_id)[kind] += 1

    def ever(self, policy_id: str) -> list[int]:
        """Events of a policy by kind since the process began, for a caller that holds `lock`."""
        return _sum(self._folded.get(policy_id, ()), self._open.get(policy_id, ()))

    def track(self, policy_id: str) -> None:
        """Give a policy windows of its own even beyond the bound: for the few under rollout, never for a caller's."""
        with self.lock:
            self._policies.setdefault(policy_id, _new_rings())

    def counts(self, window: str, policy_id: str | None = None) -> Counts:
        """What a window holds now.

        Args:
            window: `5m`, `15m` or `60m`.
            policy_id: Of one policy; None: of all of them. A policy that was never seen has no counts.
        """
        with self.lock:
            if self._monotonic() >= self._cell_ends:
                self._fold()
            rings = self._overall if policy_id is None else self._policies.get(policy_id)
            if rings is None:
                return Counts()
            rings[window].move_to(self._cell)
            open_cells = self._open.values() if policy_id is None else [self._open.get(policy_id, ())]
            return counts_of(_sum(rings[window].total, *open_cells))

    def policies(self) -> tuple[str, ...]:
        """The policies that have windows of their own, and `_other` where there were more."""
        with self.lock:
            return tuple(sorted(self._policies))

    def _open_cell(self, policy_id: str) -> list[int]:
        if policy_id not in self._policies and len(self._policies) >= self._max_policies:
            policy_id = OTHER
        if policy_id not in self._policies:
            self._policies[policy_id] = _new_rings()
        return self._open.setdefault(policy_id, [0] * EVENT_KINDS)

    def _fold(self) -> None:
        """Close the open cell and open the one of now."""
        for policy_id, events in self._open.items():
            self._folded[policy_id] = _sum(self._folded.get(policy_id, ()), events)
            for ring in self._policies[policy_id].values():
                ring.add(self._cell, events)
        overall = _sum(*self._open.values())
        for ring in self._overall.values():
            ring.add(self._cell, overall)
        self._open.clear()
        self._cell = max(self._cell, int(self._monotonic() // CELL_S))
        self._cell_ends = (self._cell + 1) * float(CELL_S)


def _new_rings() -> dict[str, Ring]:
    return {window: Ring(EVENT_KINDS, cells) for window, cells in CELLS_PER_BUCKET.items()}


def _sum(*events: Sequence[int]) -> list[int]:
    """Add up events by kind; an empty sequence stands for none."""
    return [sum(counts) for counts in zip(*filter(None, ([0] * EVENT_KINDS, *events)), strict=True)]
