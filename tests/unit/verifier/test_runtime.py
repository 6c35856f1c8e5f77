"""The runtime: how fast a change arrives, what survives a restart, what a broken store does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.context import ContextStream
from engine.demo.seed import POLICY_ID, demo_plan, inject_drift, service_of
from engine.errors import Unavailable
from engine.verifier.readiness import check_ready
from engine.verifier.runtime import AA_EVERY, Runtime
from engine.verifier.verification import verify
from tests.unit.verifier.samples import sample_of


def _decide(runtime: Runtime, count: int) -> None:
    stream = ContextStream(1, runtime.clock.now().date())
    for _ in range(count):
        document = {"policy_id": POLICY_ID, "context": next(stream)}
        runtime.record(verify(document, runtime.serving, runtime.clock.now()))


def _unreachable(*_: Any) -> Any:
    raise Unavailable("registry.locked", "locked", "wait")


def test_a_change_made_by_another_process_is_served_at_the_next_look(ctx: EngineContext, runtime: Runtime) -> None:
    service_of(ctx).promote(POLICY_ID, actor="t", reason="test", break_glass=True)
    runtime.refresh()
    assert runtime.serving is not None
    assert runtime.serving.policies[POLICY_ID].basis_points == 2500


@pytest.mark.parametrize(
    ("limit", "served"), [({"enforce_rollout_percent": 10.0}, 1000), ({"enforce_enabled": False}, 0)]
)
def test_no_verifier_enforces_more_than_its_environment_may(
    ctx: EngineContext, open_ctx: Callable[[], EngineContext], limit: dict[str, Any], served: int
) -> None:
    """Whatever the rollout's state says, and also after a change of something else."""
    service_of(ctx).promote(POLICY_ID, actor="t", reason="test", break_glass=True)
    limited = open_ctx()
    limited.settings = replace(limited.settings, **limit)
    runtime = Runtime(limited, replica="r1")
    runtime.refresh()
    assert runtime.serving is not None
    assert runtime.serving.policies[POLICY_ID].basis_points == served
    service_of(ctx).pause(POLICY_ID, actor="t")
    runtime.refresh()
    assert runtime.serving.policies[POLICY_ID].basis_points == served


def test_what_did_not_change_is_not_compiled_again(ctx: EngineContext, runtime: Runtime) -> None:
    assert runtime.serving is not None
    before = runtime.serving
    service_of(ctx).promote(POLICY_ID, actor="t", reason="test", break_glass=True)
    runtime.refresh()
    after = runtime.serving
    assert after is not before
    assert after.policies[POLICY_ID].decider is before.policies[POLICY_ID].decider
    assert all(after.sets[root] is members for root, members in before.sets.items())


def test_a_candidate_makes_a_new_decider_and_a_new_step(ctx: EngineContext, runtime: Runtime) -> None:
    _decide(runtime, 10)
    inject_drift(ctx)
    runtime.refresh()
    sample = sample_of(runtime)
    assert (sample.revision, sample.step.requests) == (2, 0)
    _decide(runtime, 40)
    sample = sample_of(runtime)
    assert sample.step.preview > 0


def test_a_restarted_replica_goes_on_counting(
    runtime: Runtime, open_ctx: Callable[[], EngineContext], clock: ManualClock
) -> None:
    _decide(runtime, 70)
    runtime.report()
    again = Runtime(open_ctx(), replica="r1")
    again.refresh()
    _decide(again, 5)
    sample = sample_of(again)
    assert sample.step.requests == 75


def test_another_replica_counts_for_itself(runtime: Runtime, open_ctx: Callable[[], EngineContext]) -> None:
    _decide(runtime, 70)
    runtime.report()
    other = Runtime(open_ctx(), replica="r2")
    other.refresh()
    other.report()
    assert service_of(runtime.ctx).assess(POLICY_ID).fleet.step.requests == 70


def test_the_baseline_is_checked_against_itself_now_and_then(runtime: Runtime) -> None:
    _decide(runtime, 2 * AA_EVERY)
    sample = sample_of(runtime)
    assert (sample.step.aa_samples, sample.step.aa_mismatches) == (2, 0)


def test_the_steward_inside_promotes_an_automatic_plan_on_evidence(ctx: EngineContext, runtime: Runtime) -> None:
    plan = demo_plan(drift_max=0.05, hold_s=0, auto=True)
    service_of(ctx).start(POLICY_ID, plan, actor="t")
    runtime.refresh()
    _decide(runtime, 60)
    for _ in range(60):
        runtime.recorder.record_http(200, 0.01)
    runtime.report()
    runtime.look()
    assert runtime.gates[POLICY_ID].answer.value == "hold"
    _decide(runtime, 60)
    runtime.report()
    runtime.look()
    runtime.refresh()
    assert runtime.serving is not None
    assert runtime.serving.policies[POLICY_ID].basis_points == 2500


@pytest.mark.parametrize("broken", ["version_token", "report_evidence", "rollouts"])
def test_a_store_that_fails_stops_nothing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    before = runtime.serving
    monkeypatch.setattr(runtime.ctx.store, broken, _unreachable)
    for action in (runtime.refresh, runtime.report, runtime.look):
        action()
    assert "registry.locked" in runtime.health.faults.values()
    assert runtime.serving is before
    _decide(runtime, 1)
    monkeypatch.undo()
    for action in (runtime.refresh, runtime.report, runtime.look):
        action()
    assert not runtime.health.faults


def test_a_fault_nobody_foresaw_is_said_and_survived(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise ValueError("a value from a stored document")

    monkeypatch.setattr(runtime.ctx.store, "version_token", broken)
    runtime.refresh()
    assert check_ready(runtime, drift_gate=False).reasons == ("STORE_UNREACHABLE",)
    monkeypatch.undo()
    runtime.refresh()
    assert check_ready(runtime, drift_gate=False).ready


def test_a_replica_without_any_known_state_enforces_nothing(
    ctx: EngineContext, open_ctx: Callable[[], EngineContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the store says 25 %: a state that cannot be read is none."""
    service_of(ctx).promote(POLICY_ID, actor="t", reason="test", break_glass=True)
    runtime = Runtime(open_ctx(), replica="r1")
    monkeypatch.setattr(runtime.ctx.store, "rollouts", _unreachable)
    runtime.refresh()
    assert runtime.serving is None
    monkeypatch.undo()
    runtime.refresh()
    assert runtime.serving is not None
    assert runtime.serving.policies[POLICY_ID].basis_points == 2500


def test_closing_reports_a_last_time(runtime: Runtime, ctx: EngineContext) -> None:
    _decide(runtime, 3)
    runtime.close()
    assert service_of(ctx).assess(POLICY_ID).fleet.step.requests == 3
