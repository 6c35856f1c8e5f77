"""The three situations of a rollout, through decide and the gate."""

from __future__ import annotations

from engine.decision import Decider, Drift
from engine.drift.gate import Answer, GateSettings, evaluate_gate
from engine.drift.recorder import DriftRecorder
from tests.unit.decision.policies import AUDIT_AGE, NOW, SALT, SANCTIONS, SETS, context, policy, rule

IR = policy(SANCTIONS, AUDIT_AGE)
STRICTER = policy(SANCTIONS, rule("R3", "now() - max(audit_dates)", "range_max", "P7D"))
REQUESTS = 4_000
STEP = "step-1"
SETTINGS = GateSettings(drift_max_ratio=0.005)


def rolled_out(basis_points, candidate=None):
    """So many different requests under a rollout: the decisions, what was counted, and the gate's report."""
    decider = Decider(IR, SETS, salt=SALT, candidate=candidate)
    recorder = DriftRecorder(lambda: 100.0)
    recorder.begin_step(IR.policy_id, STEP, 1)
    decisions = []
    for number in range(REQUESTS):
        decision = decider.decide(
            context(variables={"request": number}), at=NOW, enforce=True, basis_points=basis_points
        )
        recorder.record(decision, step_id=STEP)
        recorder.record_http(200, 0.005)
        decisions.append(decision)
    [sample] = recorder.samples("replica-1", NOW)
    report = evaluate_gate(
        SETTINGS,
        step=sample.step,
        traffic=sample.step_traffic,
        windows=sample.windows,
        source_age_s=0.0,
        step_age_s=600.0,
        hold_s=60.0,
        requests_per_s=20.0,
        basis_points=basis_points,
    )
    return decisions, sample, report


def test_rollout_zero_shadow_only():
    """At 0 % the shadow verdict is the enforced one, whatever the candidate says, and drift is 0."""
    decisions, sample, _ = rolled_out(0, candidate=STRICTER)
    assert all(decision.enforced == decision.shadow for decision in decisions)
    assert {decision.drift for decision in decisions} == {Drift.NONE}
    assert (sample.step.enforced, sample.step.drift, sample.step.drift_ratio) == (0, 0, 0.0)
    assert sample.step.preview == REQUESTS


def test_rollout_partial_with_equal_verdicts():
    """At 25 % with equal verdicts a quarter is enforced, nothing drifts, and the gate opens on the evidence."""
    decisions, sample, report = rolled_out(2_500)
    assert sample.step.enforced == sum(decision.applied for decision in decisions)
    assert 0.22 < sample.step.enforced / REQUESTS < 0.28
    assert sample.step.drift_ratio == 0.0
    assert report.answer is Answer.OPEN


def test_rollout_partial_with_forced_difference():
    """At 25 % with a candidate that differs, drift is measured, its rule is named, and the gate closes."""
    _, sample, report = rolled_out(2_500, candidate=STRICTER)
    assert sample.step.over_block == sample.step.enforced > 0
    assert 0.22 < sample.step.drift_ratio < 0.28
    assert sample.step.enforced_drift_ratio == 1.0
    assert [(e.rule_id, e.reason) for e in sample.explained if not e.preview] == [("R3", "above_maximum")]
    assert report.answer is Answer.CLOSED
    assert report.rollback_due
