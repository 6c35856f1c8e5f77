"""Small, valid things to put into a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.audit import AuditEvent
from engine.drift.counts import Counts
from engine.drift.sample import Explanation, ReplicaSample, Traffic
from engine.ids import hash_json
from engine.policy.ir import PolicyIR, Rule
from engine.ports import RolloutChange
from engine.rollout.state import BreakGlass, Phase, RolloutPlan, RolloutState, Step

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAN = RolloutPlan(steps=(Step(0, 60.0), Step(2500, 60.5), Step(10_000, 0.0)), auto=True)


def make_ir(policy_id: str = "p.v1", *, minimum: int = 1) -> PolicyIR:
    """An IR with one rule; another minimum makes it another content."""
    rule = Rule("R1", "range_min", {"var": "tier"}, {"const": minimum}, "fail")
    return PolicyIR(policy_id, hash_json({"policy": policy_id, "minimum": minimum}), (rule,))


def make_event(action: str = "policy.publish", *, revision: int | None = None) -> AuditEvent:
    """Something that was done."""
    return AuditEvent(action, "done", "op-0123456789ab", object="p.v1", revision=revision)


def first_state(policy_id: str = "p.v1") -> RolloutState:
    """A rollout that has just been started."""
    return RolloutState(
        policy_id=policy_id,
        revision=1,
        phase=Phase.SHADOW,
        plan=PLAN,
        step_index=0,
        basis_points=0,
        step_id="s1",
        step_started_at=AT,
        salt=bytes(range(32)),
        bucket_version=1,
        candidate_ir_hash=None,
        actor="anna",
        reason="first look",
        changed_at=AT,
    )


def next_state(state: RolloutState, *, actor: str = "anna", basis_points: int = 2500) -> RolloutState:
    """The same rollout one revision and one minute later, with an override that says so."""
    changed_at = state.changed_at + timedelta(minutes=1)
    return replace(
        state,
        revision=state.revision + 1,
        phase=Phase.CANARY,
        basis_points=basis_points,
        step_index=1,
        step_id=f"s{state.revision + 1}",
        actor=actor,
        changed_at=changed_at,
        break_glass=BreakGlass("urgent", actor, changed_at + timedelta(minutes=60), 0),
    )


def make_change(state: RolloutState, action: str = "set") -> RolloutChange:
    """A transition to that state, with some evidence."""
    return RolloutChange(state, action, {"answer": "open", "ratio": 0.0015, "n": state.revision})


def make_sample(
    replica: str = "v-1", policy_id: str = "p.v1", *, at: datetime = AT, requests: int = 400
) -> ReplicaSample:
    """A verifier's report with something in every field."""
    counts = Counts(requests, requests // 4, 1, 2, 3, 4, 5, 6, 7, 1)
    traffic = Traffic(requests, 2, (0, 3, requests - 3))
    return ReplicaSample(
        replica,
        policy_id,
        step_id="s1",
        revision=2,
        at=at,
        step=counts,
        step_traffic=traffic,
        windows={"5m": counts, "15m": counts + counts, "60m": counts},
        recent=traffic + traffic,
        requests_per_s=12.25,
        explained=(Explanation("R1", "below_minimum", "over_block", True, 9),),
    )
