"""Frozen moments of a rollout, from which the tests draw the screen. Every number is chosen, nothing is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from capctl.tui.app import ControlRoom
from capctl.tui.theme_files import load_themes, shipped_directory
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.drift.counts import Counts
from engine.drift.gate import Answer, Condition, GateReport, GateSettings
from engine.drift.sample import Explanation
from engine.errors import Unavailable
from engine.rollout.snapshot import ControlSnapshot, HistoryEntry, ReplicaView
from engine.rollout.state import BreakGlass, Phase, RolloutPlan, RolloutState, Step
from engine.settings import Settings

NOW = datetime(2026, 3, 14, 1, 32, 7, tzinfo=UTC)
LIMITS = GateSettings(drift_max_ratio=0.005)
PLAN = RolloutPlan((Step(0, 30, LIMITS), Step(2500, 60, LIMITS), Step(10_000, 300, LIMITS)))


def rollout(phase: Phase = Phase.CANARY, basis_points: int = 2500, **changes: Any) -> RolloutState:
    """A rollout that stands somewhere."""
    index = next((i for i, step in enumerate(PLAN.steps) if step.basis_points == basis_points), -1)
    state = RolloutState(
        policy_id="lksg.v1",
        revision=4,
        phase=phase,
        plan=PLAN,
        step_index=index,
        basis_points=basis_points,
        step_id="step-4",
        step_started_at=NOW - timedelta(seconds=134),
        salt=bytes(16),
        bucket_version=1,
        candidate_ir_hash=None,
        actor="oncall",
        reason="",
        changed_at=NOW - timedelta(seconds=134),
    )
    return replace(state, **changes)


def conditions(**answers: Answer) -> tuple[Condition, ...]:
    """The gate's conditions, all open but for the named ones."""
    told = [
        ("source", 0.4, 60.0, "last report 0.4 s ago"),
        ("hold_time", 134.0, 60.0, "this step has lasted 2 min"),
        ("samples", 412.0, 50.0, "412 requests since the step began"),
        ("drift", 0.0, 0.005, "0 of 412 enforced requests drifted; 489 more clean ones needed, about 2 min at 4/s"),
        ("window_5m", 0.0, 0.005, "0 of 412 enforced requests drifted in the last 5 minutes (0 %, limit 0.5 %)"),
        ("errors_5xx", 0.0, 0.01, "0 of 1,648 answers were 5xx, limit 1 %"),
        ("latency_p95", 0.0128, 0.6, "95 % of 1,648 answers took up to 12.8 ms, limit 600 ms"),
        ("noise", 0.0, 0.005, "the baseline disagreed with itself in 0 of 103 checks"),
    ]
    return tuple(
        Condition(name, answers.get(name, Answer.OPEN), value, limit, text) for name, value, limit, text in told
    )


def report(answer: Answer, **changes: Any) -> GateReport:
    """A gate's report."""
    stated = GateReport(
        answer=answer,
        conditions=conditions(drift=answer),
        n=412,
        mismatches=0,
        log_e_promote=1.2,
        log_e_rollback=-2.0,
        samples_needed=489 if answer is Answer.HOLD else 0,
        expected_wait_s=122.0 if answer is Answer.HOLD else None,
        rollback_due=False,
        rollback_reason="",
        source_age_s=0.4,
        basis="enforced",
    )
    return replace(stated, **changes)


def snapshot(**changes: Any) -> ControlSnapshot:
    """The everyday moment: a canary at 25 %, healthy, with too little evidence yet."""
    step = Counts(requests=1648, enforced=412, aa_samples=103)
    moment = ControlSnapshot(
        at=NOW,
        env="demo",
        policy_id="lksg.v1",
        policy_hash="sha3-256:" + "7c1e04bb" * 8,
        ir_hash="sha3-256:" + "3fa9d210" * 8,
        rollout=rollout(),
        gate=report(Answer.HOLD),
        windows={
            "5m": Counts(requests=1648, enforced=412, aa_samples=103),
            "15m": Counts(requests=4_890, enforced=412, preview_over_block=2, aa_samples=306),
            "60m": Counts(requests=12_204, enforced=412, preview_over_block=5, aa_samples=760),
        },
        step=step,
        requests_per_s=204.0,
        p95_s=0.0128,
        error_ratio=0.0,
        replicas=(ReplicaView("demo-1", 0.4, 4, stale=False), ReplicaView("demo-2", 0.6, 4, stale=False)),
        explained=(),
        history=(
            HistoryEntry(NOW - timedelta(seconds=134), "oncall", "promote", 25.0, "cutover", 4),
            HistoryEntry(NOW - timedelta(seconds=400), "oncall", "resume", 0.0, "", 3),
            HistoryEntry(NOW - timedelta(seconds=460), "second", "pause", 0.0, "list import", 2),
            HistoryEntry(NOW - timedelta(seconds=900), "oncall", "start", 0.0, "", 1),
        ),
        source_age_s=0.4,
        next_percent=100.0,
        problems=(),
    )
    return replace(moment, **changes)


def hold() -> ControlSnapshot:
    """Not enough evidence yet."""
    return snapshot()


def open_gate() -> ControlSnapshot:
    """The evidence suffices."""
    return snapshot(gate=report(Answer.OPEN, n=1204, conditions=conditions()))


def empty() -> ControlSnapshot:
    """A policy is published, and nothing else has happened."""
    return snapshot(
        rollout=None, gate=None, windows={}, step=Counts(), requests_per_s=0.0, p95_s=None, replicas=(), history=(),
        source_age_s=None, next_percent=None,
    )  # fmt: skip


def rolled_back() -> ControlSnapshot:
    """A candidate drifted, the gate closed, and the steward went back to 0 %."""
    drifting = Counts(requests=1020, enforced=255, over_block=21, under_block=3, preview_over_block=66, aa_samples=64)
    why = "24 of 255 enforced requests drifted (9.41 %), the limit is 0.5 %"
    recent = "24 of 255 enforced requests drifted in the last 5 minutes (9.41 %, limit 0.5 %)"
    shown = list(conditions(drift=Answer.CLOSED, window_5m=Answer.CLOSED))
    shown[3] = replace(
        shown[3], value=0.0941, detail="24 of 255 enforced requests drifted (9.41 %), above the limit of 0.5 %"
    )
    shown[4] = replace(shown[4], value=0.0941, detail=recent)
    state = rollout(Phase.ROLLED_BACK, 0, revision=6, actor="steward", reason=why)
    return snapshot(
        rollout=state,
        gate=report(Answer.CLOSED, n=255, mismatches=24, conditions=tuple(shown)),
        windows={"5m": drifting, "15m": drifting + Counts(requests=3000), "60m": drifting + Counts(requests=9000)},
        step=drifting,
        replicas=tuple(replace(one, revision=6) for one in snapshot().replicas),
        explained=(
            Explanation("R3_regions", "intersection_found", "over_block", preview=False, count=21),
            Explanation("R5_audit_age", "above_maximum", "under_block", preview=False, count=3),
        ),
        history=(
            HistoryEntry(NOW - timedelta(seconds=12), "steward", "rollback", 0.0, why, 6),
            HistoryEntry(NOW - timedelta(seconds=40), "oncall", "candidate", 25.0, "drill", 5),
            *snapshot().history,
        ),
        next_percent=None,
    )


def closed() -> ControlSnapshot:
    """A limit is broken, and nothing has been done about it yet."""
    moment = rolled_back()
    return replace(moment, rollout=rollout(revision=5), history=moment.history[1:], next_percent=100.0)


def break_glass() -> ControlSnapshot:
    """Someone passed a gate that was not open."""
    glass = BreakGlass("supplier deadline", "oncall", NOW + timedelta(minutes=40), 2500)
    state = rollout(Phase.FULL, 10_000, break_glass=glass)
    return snapshot(rollout=state, next_percent=None, problems=("Break-glass is in force until 02:12.",))


def store_locked() -> ControlSnapshot:
    """The store does not answer."""
    raise Unavailable(
        "store.locked", "The store is locked by another program", "Wait a moment, or end the program that holds it."
    )


def out_of_reach() -> Any:
    """No test may open a real store by accident."""
    raise AssertionError("this test opens no store")


def context(
    *, env: str = "demo", read_only: bool = False, clock: ManualClock | None = None, **settings: Any
) -> EngineContext:
    """The operator's context at a frozen moment."""
    chosen = Settings(env=env, state_dir=Path("/nonexistent"), poll_interval_s=5.0, **settings)
    return EngineContext(
        settings=chosen, actor="oncall", open_store=out_of_reach, clock=clock or ManualClock(NOW), read_only=read_only
    )


TRACE = tuple(0.0006 * (1 + (i * 7) % 4) + (0.0035 if 70 <= i % 120 < 74 else 0.0) for i in range(150))
"""A calm quarter of an hour with two short bumps."""

DRIFTING_TRACE = (*TRACE[:-12], *(min(0.0941, 0.0008 * i * i) for i in range(12)))
"""The same, until a candidate begins to drift."""


def room(sample: Callable[[], ControlSnapshot], ctx: EngineContext | None = None, **options: Any) -> ControlRoom:
    """A control room whose operations run at once, and whose poller takes one sample and then waits."""
    options.setdefault("spawn", lambda job: job())
    app = ControlRoom(ctx or context(), sample=sample, zone=UTC, themes=load_themes([shipped_directory()]), **options)
    app.state = replace(app.state, trace=DRIFTING_TRACE if sample in (rolled_back, closed) else TRACE)
    return app
