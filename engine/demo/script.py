"""The demonstration as a script: what the console would do and show, as a stream of events.

The script starts the rollout with a plan that promotes by itself and then only looks: the steward inside the verifier
promotes on an open gate and rolls back on a closed one, exactly as it would in production. So a script that is killed
and started again finds the rollout where it stands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from engine.clock import Clock, to_rfc3339
from engine.demo.seed import DEFAULT_DRIFT_MAX, DEFAULT_HOLD_S, DEFAULT_PLAN, POLICY_ID, demo_plan, service_of
from engine.demo.world import DemoWorld
from engine.drift.gate import Answer, GateReport
from engine.ports import RolloutChange
from engine.rollout.look import take_snapshot
from engine.rollout.plan import to_percent
from engine.rollout.snapshot import ControlSnapshot
from engine.rollout.state import Phase
from engine.settings import Settings

SAMPLE_S: Final = 1.0
DEFAULT_TIMEOUT_S: Final = 600.0
PATIENCE: Final = 10
"""Samples in a row with a closed gate before the script gives up: at 0 % there is nothing to roll back."""

Verdict = Literal["yes", "no", "hold"]

_EVENT_OF: Final = {
    "promote": "promoted",
    "candidate": "drift_injected",
    "rollback": "rolled_back",
    "start": "rollout_started",
}


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """Something that happened, as a line of JSON."""

    event: str
    """`started`, `sample`, `gate`, `rollout_started`, `promoted`, `drift_injected`, `rolled_back`, `done`, or the
    action of any other transition."""
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    answer: Verdict = "yes"
    """Of `done`: `yes` completed, `no` the gate closed or it was rolled back, `hold` it took too long."""

    def to_json(self) -> dict[str, Any]:
        """The event as JSON data."""
        closing = {"answer": self.answer} if self.event == "done" else {}
        return {"event": self.event, "at": to_rfc3339(self.at), **self.data, **closing}


def run_script(
    state_dir: Path | None = None,
    *,
    plan: str = DEFAULT_PLAN,
    inject_drift: bool = False,
    rate: float | None = None,
    drift_max: float = DEFAULT_DRIFT_MAX,
    hold_s: float = DEFAULT_HOLD_S,
    port: int = 0,
    fresh: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    settings: Settings | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[DemoEvent]:
    """Run the demonstration to its end and yield what happens; the last event is `done`.

    Args:
        state_dir: Of the world; `demo_state_dir()` when None.
        plan: Percentages to go through, from 0.
        inject_drift: Put the drifting candidate under the rollout once requests are enforced.
        rate: Requests per second; the persisted rate, at first 200, when None.
        drift_max: The gate's limit on drift.
        hold_s: Shortest time on a step, in seconds.
        port: Of the verifier; 0 takes a free one.
        fresh: Start over in any case.
        timeout_s: When to give up.
        settings: What else the operator configured.
        actor: Who acts; the login name when None.
        clock: The machine's own when None.
        sleep: Waits between samples.

    Raises:
        InvalidInput: The plan, the rate or the limit is none.
        Unavailable: The world cannot be started, or another one runs there.
    """
    steps = demo_plan(plan, drift_max=drift_max, hold_s=hold_s, auto=True)
    world = DemoWorld(state_dir, clock, settings=settings, actor=actor, plan=steps, rate=rate, port=port, fresh=fresh)
    with world:
        yield from _Script(world, inject=inject_drift, timeout_s=timeout_s, sleep=sleep).run()


class _Script:
    """What one run of the script remembers between samples."""

    def __init__(self, world: DemoWorld, *, inject: bool, timeout_s: float, sleep: Callable[[float], None]) -> None:
        self._world = world
        self._inject = inject
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._ctx = world.ctx
        self._service = service_of(world.ctx)
        self._revision = 0
        self._answer: Answer | None = None
        self._closed = 0

    def run(self) -> Iterator[DemoEvent]:
        """Sample once a second until there is nothing more to come."""
        clock = self._ctx.clock
        first = self._look()
        assert first.rollout is not None
        self._revision = first.rollout.revision
        began = clock.monotonic()
        yield self._event("started", **_where(first), url=self._world.url, rate=self._world.rate)
        while True:
            self._sleep(SAMPLE_S)
            snapshot = self._look()
            yield from self._transitions()
            yield from self._gate_changes(snapshot.gate)
            yield self._event("sample", **_sample(snapshot), traffic=self._traffic())
            verdict, why = self._verdict(snapshot)
            if verdict is None and clock.monotonic() - began > self._timeout_s:
                verdict, why = "hold", f"not finished after {self._timeout_s:g} s"
            if verdict is not None:
                yield DemoEvent("done", clock.now(), {**_where(snapshot), "why": why}, verdict)
                return
            self._maybe_inject(snapshot)

    def _look(self) -> ControlSnapshot:
        return take_snapshot(self._ctx.store, self._service, self._ctx.clock, POLICY_ID)

    def _transitions(self) -> Iterator[DemoEvent]:
        """What happened to the rollout since the last look, oldest first."""
        changes = [c for c in self._ctx.store.rollout_history(POLICY_ID) if c.state.revision > self._revision]
        for change in reversed(changes):
            self._revision = change.state.revision
            yield self._event(_EVENT_OF.get(change.action, change.action), **_change(change))

    def _gate_changes(self, report: GateReport | None) -> Iterator[DemoEvent]:
        if report is None or report.answer is self._answer:
            return
        self._answer = report.answer
        reasons = [condition.detail for condition in report.conditions if condition.answer is report.answer]
        yield self._event("gate", answer=report.answer.value, reasons=reasons)

    def _verdict(self, snapshot: ControlSnapshot) -> tuple[Verdict | None, str]:
        """Whether it is over, and why."""
        rollout, gate = snapshot.rollout, snapshot.gate
        assert rollout is not None
        assert gate is not None
        if rollout.phase is Phase.ROLLED_BACK:
            return "no", f"rolled back: {rollout.reason}"
        self._closed = self._closed + 1 if gate.answer is Answer.CLOSED else 0
        if self._closed >= PATIENCE:
            return "no", "the gate is closed"
        injected = not self._inject or rollout.candidate_ir_hash is not None
        if snapshot.next_percent is None and gate.answer is Answer.OPEN and injected:
            return "yes", f"{to_percent(rollout.basis_points)} % is enforced and the gate is open"
        return None, ""

    def _maybe_inject(self, snapshot: ControlSnapshot) -> None:
        """Inject once requests are enforced and some of them were seen to be clean."""
        rollout = snapshot.rollout
        assert rollout is not None
        if self._inject and rollout.candidate_ir_hash is None and snapshot.step.enforced:
            self._world.inject_drift()

    def _traffic(self) -> dict[str, Any] | None:
        report = self._world.traffic
        return asdict(report) if report else None

    def _event(self, name: str, **data: Any) -> DemoEvent:
        return DemoEvent(name, self._ctx.clock.now(), data)


def _where(snapshot: ControlSnapshot) -> dict[str, Any]:
    assert snapshot.rollout is not None
    rollout = snapshot.rollout
    return {"percent": to_percent(rollout.basis_points), "phase": rollout.phase.value, "revision": rollout.revision}


def _sample(snapshot: ControlSnapshot) -> dict[str, Any]:
    document = snapshot.to_json()
    gate = document["gate"]
    return {
        **_where(snapshot),
        "gate": gate["answer"],
        **{name: gate[name] for name in ("basis", "n", "mismatches", "samples_needed", "expected_wait_s")},
        "drift_ratio": {name: counts["drift_ratio"] for name, counts in document["windows"].items()},
        "preview_ratio": document["step"]["preview_drift_ratio"],
        **{name: document[name] for name in ("requests_per_s", "p95_s", "error_ratio", "source_age_s")},
    }


def _change(change: RolloutChange) -> dict[str, Any]:
    state = change.state
    return {
        "percent": to_percent(state.basis_points),
        "phase": state.phase.value,
        "revision": state.revision,
        "actor": state.actor,
        "why": state.reason,
        **({"rules": _rules(change)} if change.action == "rollback" else {}),
    }


def _rules(change: RolloutChange) -> list[dict[str, Any]]:
    """The rules that explain a rollback, from the evidence it rests on: those that were enforced, where any were."""
    explained = change.evidence.get("explained")
    if not isinstance(explained, list):
        return []
    return [rule for rule in explained if not rule["preview"]] or explained
