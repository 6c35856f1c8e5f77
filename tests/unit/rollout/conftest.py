"""A rollout's world: a real store, a clock that waits for nobody, and verifiers that report what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.drift.counts import Counts
from engine.drift.gate import GateSettings
from engine.drift.sample import LATENCY_BOUNDS_S, Explanation, ReplicaSample, Traffic
from engine.registry import SqliteStore
from engine.rollout.plan import plan_of_percents
from engine.rollout.service import RolloutService
from engine.rollout.state import RolloutPlan, RolloutState
from engine.settings import Settings
from tests.samples.stored import AT, make_event, make_ir

POLICY = "p.v1"
PLAN = plan_of_percents("0,25,100", gate=GateSettings(drift_max_ratio=0.01), hold_s=60.0)


class CountingBytes:
    """A random source that repeats itself in no test and differs in none."""

    def __init__(self) -> None:
        self._drawn = 0

    def __call__(self, size: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(size, "big")


@dataclass
class World:
    """One environment with one published policy."""

    store: SqliteStore
    clock: ManualClock
    settings: Settings = field(default_factory=Settings)

    @property
    def service(self) -> RolloutService:
        return RolloutService(self.store, self.clock, self.settings, CountingBytes())

    @property
    def state(self) -> RolloutState:
        state = self.store.rollout(POLICY)
        assert state is not None
        return state

    def start(self, plan: RolloutPlan = PLAN) -> RolloutState:
        return self.service.start(POLICY, plan, actor="anna")

    def measure(
        self, n: int = 449, *, drift: int = 0, errors: int = 0, replica: str = "v-1", rules: tuple[str, ...] = ()
    ) -> None:
        """Let the hold time pass and a verifier report `n` requests of evidence on the present step."""
        state = self.state
        self.clock.advance(61)
        counts = Counts(requests=n, preview_over_block=drift)
        if state.basis_points:
            counts = Counts(requests=n, enforced=n, over_block=drift)
        latency = [0] * (len(LATENCY_BOUNDS_S) + 1)
        latency[10] = n
        traffic = Traffic(n, errors, tuple(latency))
        sample = ReplicaSample(
            replica=replica,
            policy_id=POLICY,
            step_id=state.step_id,
            revision=state.revision,
            at=self.clock.now(),
            step=counts,
            step_traffic=traffic,
            windows={"5m": counts},
            recent=traffic,
            requests_per_s=20.0,
            explained=tuple(Explanation(rule, "below_minimum", "over_block", False, drift) for rule in rules),
        )
        self.store.report_evidence([sample])

    def canary(self) -> RolloutState:
        """At 25 %, reached through an open gate."""
        self.start()
        self.measure()
        return self.service.promote(POLICY, actor="anna")

    def with_settings(self, **changes: object) -> World:
        return World(self.store, self.clock, replace(self.settings, **changes))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = ManualClock(AT)
    store = SqliteStore(tmp_path / "store", clock)
    store.publish(make_ir(POLICY), b"id: p.v1\n", at=AT, audit=make_event())
    yield World(store, clock)
    store.close()
