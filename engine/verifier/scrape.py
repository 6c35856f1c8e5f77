"""What a verifier exposes to Prometheus at one moment, put together from its parts."""

from __future__ import annotations

from engine.drift.counts import Counts
from engine.drift.gate import Answer, GateReport
from engine.drift.sample import WINDOWS
from engine.rollout.plan import to_percent
from engine.telemetry.exposition import PolicyScrape, Scrape
from engine.telemetry.requests import RequestMetrics
from engine.verifier.runtime import Runtime
from engine.verifier.serving import ServedPolicy


def scrape(runtime: Runtime, metrics: RequestMetrics) -> Scrape:
    """Everything there is to expose now. Only served policies are labels."""
    totals, gates = runtime.recorder.totals(), runtime.gates
    served_policies = runtime.serving.policies if runtime.serving else {}
    policies = tuple(
        PolicyScrape(
            policy_id=policy_id,
            rollout_percent=to_percent(served.basis_points),
            revision=served.revision,
            total=totals.get(policy_id, Counts()),
            gate=_gate_state(served, gates.get(policy_id)),
        )
        for policy_id, served in served_policies.items()
    )
    return Scrape(policies, {window: runtime.recorder.windows.counts(window) for window in WINDOWS}, metrics)


def _gate_state(served: ServedPolicy, report: GateReport | None) -> str | None:
    """What is not known yet is hold, as everywhere."""
    if served.rollout is None:
        return None
    return report.answer.value if report else Answer.HOLD.value
