"""What a verifier exposes to Prometheus at one moment, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping

from engine.drift.counts import Counts
from engine.drift.gate import Answer, GateReport
from engine.drift.sample import WINDOWS
from engine.rollout.plan import to_percent
from engine.rollout.transitions import current_step
from engine.telemetry.exposition import PolicyScrape, Scrape
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.verifier.runtime import Runtime
from engine.verifier.serving import ServedPolicy


def scrape(
    runtime: Runtime, metrics: RequestMetrics, security: SecurityMetrics, sap_writes: Mapping[str, int]
) -> Scrape:
    """Everything there is to expose now. Only served policies are labels."""
    recorder = runtime.recorder
    totals, steps, gates = recorder.totals(), recorder.steps(), runtime.gates
    served_policies = runtime.serving.policies if runtime.serving else {}
    policies = tuple(
        PolicyScrape(
            policy_id=policy_id,
            rollout_percent=to_percent(served.basis_points),
            revision=served.revision,
            total=totals.get(policy_id, Counts()),
            gate=_gate_state(served, gates.get(policy_id)),
            drift_max_ratio=current_step(served.rollout).gate.drift_max_ratio if served.rollout else None,
            step=steps.get(policy_id) if served.rollout else None,
            windows={w: recorder.windows.counts(w, policy_id) for w in WINDOWS} if served.rollout else {},
        )
        for policy_id, served in served_policies.items()
    )
    overall = {window: recorder.windows.counts(window) for window in WINDOWS}
    return Scrape(
        policies, overall, metrics, security, dict(sap_writes), runtime.replica, runtime.started_at.timestamp()
    )


def _gate_state(served: ServedPolicy, report: GateReport | None) -> str | None:
    """What is not known yet is hold, as everywhere."""
    if served.rollout is None:
        return None
    return report.answer.value if report else Answer.HOLD.value
