"""Taking a snapshot of the control room."""

from __future__ import annotations

from collections.abc import Sequence

from engine.clock import Clock, to_rfc3339
from engine.drift.fleet import FleetEvidence
from engine.drift.gate import GateReport
from engine.drift.sample import Explanation
from engine.ports import RolloutChange, Store
from engine.rollout.assessment import MAX_EXPLAINED, Assessment
from engine.rollout.plan import to_percent
from engine.rollout.service import RolloutService
from engine.rollout.snapshot import ControlSnapshot, HistoryEntry, ReplicaView
from engine.rollout.state import Phase, RolloutState
from engine.rollout.transitions import next_step

_HISTORY = 10


def take_snapshot(store: Store, service: RolloutService, clock: Clock, policy_id: str) -> ControlSnapshot:
    """Everything about one policy's rollout now. A policy without rollout, or not even published, has one too.

    Raises:
        Unavailable: The store cannot be read.
    """
    published = store.published(policy_id)
    state = store.rollout(policy_id)
    assessment = service.assess_or_hold(state) if state else None
    fleet = assessment.fleet if assessment else FleetEvidence()
    following = next_step(state) if state else None
    changes = store.rollout_history(policy_id, limit=_HISTORY)
    return ControlSnapshot(
        at=assessment.at if assessment else clock.now(),
        env=service.env,
        policy_id=policy_id,
        policy_hash=published.policy_hash if published else "",
        ir_hash=published.ir_hash if published else "",
        rollout=state,
        gate=assessment.report if assessment else None,
        windows=fleet.windows,
        step=fleet.step,
        requests_per_s=fleet.requests_per_s,
        p95_s=fleet.recent.quantile_s(0.95),
        error_ratio=fleet.recent.error_ratio,
        replicas=tuple(ReplicaView(r.name, r.age_s, r.revision, r.silent) for r in fleet.replicas),
        explained=_rolled_back_because(changes) or fleet.explained[:MAX_EXPLAINED],
        history=tuple(map(_entry, changes)),
        source_age_s=fleet.source_age_s,
        next_percent=to_percent(following[1].basis_points) if following else None,
        problems=_problems(assessment, published=published is not None),
        source=service.source,
        source_problem=assessment.source_problem if assessment else "",
    )


def _entry(change: RolloutChange) -> HistoryEntry:
    return HistoryEntry(
        at=change.state.changed_at,
        actor=change.state.actor,
        action=change.action,
        percent=to_percent(change.state.basis_points),
        reason=change.state.reason,
        revision=change.state.revision,
        break_glass=change.evidence.get("break_glass") is True,
    )


def _rolled_back_because(changes: Sequence[RolloutChange]) -> tuple[Explanation, ...]:
    """The rules behind the drift that was rolled back: they belong to the step before, which no replica reports on."""
    if not changes or changes[0].state.phase is not Phase.ROLLED_BACK:
        return ()
    explained = changes[0].evidence.get("explained")
    return tuple(Explanation(**fields) for fields in explained) if isinstance(explained, list) else ()


def _problems(assessment: Assessment | None, *, published: bool) -> tuple[str, ...]:
    problems = [] if published else ["the policy is not published"]
    if assessment is None:
        return (*problems, "no rollout was started")
    return (
        *problems,
        *_break_glass_problem(assessment.state),
        *_rollback_problem(assessment.report),
        *([assessment.source_problem] if assessment.source_problem else _fleet_problems(assessment)),
    )


def _break_glass_problem(state: RolloutState) -> list[str]:
    glass = state.break_glass
    if glass is None:
        return []
    back = to_percent(glass.return_to_basis_points)
    return [f"BREAK-GLASS by {glass.actor} until {to_rfc3339(glass.until)}, then back to {back} %: {glass.reason}"]


def _rollback_problem(report: GateReport) -> list[str]:
    return [f"rollback is due: {report.rollback_reason}"] if report.rollback_due else []


def _fleet_problems(assessment: Assessment) -> list[str]:
    fleet, state = assessment.fleet, assessment.state
    if not fleet.replicas:
        return ["no verifier reports"]
    silent = [replica.name for replica in fleet.replicas if replica.silent and replica.current]
    behind = [r.name for r in fleet.replicas if not r.silent and r.revision < state.revision]
    problems = []
    if silent:
        problems.append(f"silent for over a minute: {', '.join(silent)}")
    if behind:
        problems.append(f"not yet at revision {state.revision}: {', '.join(behind)}")
    return problems
