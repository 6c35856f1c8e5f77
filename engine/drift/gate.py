"""The gate: may this rollout go on, and must it go back.

Three answers, and the worst condition decides: CLOSED, then HOLD, then OPEN. Whatever is unknown is HOLD. See
docs/gate.md for every condition with an example.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.drift import conditions as ask
from engine.drift import wording
from engine.drift.conditions import Share, Weight
from engine.drift.counts import Counts
from engine.drift.report import Answer, Basis, Condition, GateReport, GateSettings
from engine.drift.sample import Traffic

__all__ = ["Answer", "Basis", "Condition", "GateReport", "GateSettings", "evaluate_gate"]

_SEVERITY = {Answer.OPEN: 0, Answer.HOLD: 1, Answer.CLOSED: 2}
_KPI = ("errors_5xx", "latency_p95")


def evaluate_gate(
    settings: GateSettings,
    *,
    step: Counts,
    traffic: Traffic,
    windows: Mapping[str, Counts],
    source_age_s: float | None,
    step_age_s: float,
    hold_s: float,
    requests_per_s: float,
    basis_points: int,
    source_problem: str = "",
) -> GateReport:
    """Judge a step of a rollout.

    Args:
        settings: The step's limits.
        step: Decisions since the step began, over all replicas.
        traffic: HTTP requests since the step began.
        windows: Rolling counts by window name.
        source_age_s: Age of the newest report on this step; None when there is none.
        step_age_s: How long the step has lasted.
        hold_s: How long it must last.
        requests_per_s: Present rate of decisions, all of them, for the expected time.
        basis_points: Share enforced. At 0 the evidence is the preview: what would have drifted.
        source_problem: Why the evidence could not be read; empty when it was.
    """
    basis: Basis = "enforced" if basis_points > 0 else "preview"
    rate_per_s = requests_per_s * basis_points / 10_000 if basis_points > 0 else requests_per_s
    weighed = [(s, ask.weigh(s.mismatches, s.n, s.limit, settings)) for s in ask.shares(settings, step, basis)]
    drift, drift_weight = weighed[0]
    source = ask.source_condition(source_age_s, settings, problem=source_problem)
    hold_time = ask.hold_time_condition(step_age_s, hold_s)
    measured = [
        ask.samples_condition(drift.n, settings),
        *(ask.share_condition(share, weight, basis, rate_per_s) for share, weight in weighed),
        ask.window_condition(windows, step, settings, basis),
        ask.errors_condition(traffic, settings),
        ask.latency_condition(traffic, settings),
        ask.noise_condition(step, settings),
    ]
    rollback_reason = ""
    if source.answer is not Answer.OPEN:
        measured = [_unconfirmed(condition) for condition in measured]
    elif basis == "enforced":
        rollback_reason = _rollback_reason(weighed, measured, step, settings)
    conditions = (source, hold_time, *measured)
    needed = _samples_needed(weighed, settings)
    return GateReport(
        answer=max((condition.answer for condition in conditions), key=_SEVERITY.__getitem__),
        conditions=conditions,
        n=drift.n,
        mismatches=drift.mismatches,
        log_e_promote=drift_weight.log_e_promote,
        log_e_rollback=drift_weight.log_e_rollback,
        samples_needed=needed,
        expected_wait_s=_expected_wait_s(needed, rate_per_s, hold_s - step_age_s),
        rollback_due=bool(rollback_reason),
        rollback_reason=rollback_reason,
        source_age_s=source.value,
        basis=basis,
    )


def _unconfirmed(condition: Condition) -> Condition:
    """What was measured by a source that is now silent: neither a yes nor a reason to act."""
    return replace(condition, answer=Answer.HOLD, detail=f"last known: {condition.detail}")


def _rollback_reason(
    weighed: Sequence[tuple[Share, Weight]], measured: Sequence[Condition], step: Counts, settings: GateSettings
) -> str:
    """Why enforcement must go back to 0 %; empty when it need not.

    Drift is weighed against the A/A floor where that is higher than the limit: what the baseline does to itself is no
    reason to roll back, however often it happens.
    """
    floor = ask.noise_floor(step, settings)
    for share, _ in weighed:
        if ask.demands_rollback(share.mismatches, share.n, max(share.limit, floor), settings):
            counted = wording.events(share.name, "enforced", share.mismatches, share.n)
            ratio = wording.share(share.mismatches / share.n)
            return f"{counted} ({ratio}), the limit is {wording.share(share.limit)}"
    return next((c.detail for c in measured if c.name in _KPI and c.answer is Answer.CLOSED), "")


def _samples_needed(weighed: Sequence[tuple[Share, Weight]], settings: GateSettings) -> int | None:
    missing = [settings.min_samples - weighed[0][0].n, 0]
    for _, weight in weighed:
        if weight.needed is None:
            return None
        missing.append(weight.needed)
    return max(missing)


def _expected_wait_s(needed: int | None, rate_per_s: float, hold_left_s: float) -> float | None:
    if needed is None or not math.isfinite(hold_left_s):
        return None
    if needed and not (math.isfinite(rate_per_s) and rate_per_s > 0):
        return None
    return max(needed / rate_per_s if needed else 0.0, hold_left_s, 0.0)
