"""The conditions of a gate, one function each. Whatever is not known is HOLD, never OPEN."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from engine.drift import wording
from engine.drift.counts import Counts
from engine.drift.evidence import clean_samples_needed, log_e_promote, log_e_rollback, samples_still_needed
from engine.drift.report import Answer, Basis, Condition, GateSettings
from engine.drift.sample import Traffic

TREND_WINDOW = "5m"
"""The rolling window of the condition `adapt_drift_ratio <= drift_max_ratio`."""

SHARE_NAMES = ("drift", "over_block", "under_block", "unknown")
"""The conditions that weigh a share of the step's requests."""


class Weight(NamedTuple):
    """What the counts prove about a share and its limit."""

    answer: Answer
    needed: int | None
    """Clean requests still needed for OPEN; None when no number of them would do."""
    log_e_promote: float = 0.0
    log_e_rollback: float = 0.0


class Share(NamedTuple):
    """A share of the step's requests that has a limit."""

    name: str
    """One of `SHARE_NAMES`."""
    mismatches: int
    n: int
    limit: float


def shares(settings: GateSettings, step: Counts, basis: Basis) -> Iterator[Share]:
    """The shares a gate weighs: drift always, a direction where the operator set a limit for it."""
    preview = basis == "preview"
    n = step.not_applied if preview else step.enforced
    yield Share("drift", step.preview if preview else step.drift, n, settings.drift_max_ratio)
    directions = (
        ("over_block", step.preview_over_block if preview else step.over_block, settings.over_block_max_ratio),
        ("under_block", step.preview_under_block if preview else step.under_block, settings.under_block_max_ratio),
        ("unknown", step.preview_unknown if preview else step.unknown, settings.unknown_max_ratio),
    )
    for name, mismatches, limit in directions:
        if limit is not None:
            yield Share(name, mismatches, n, limit)


def weigh(mismatches: int, n: int, limit: float, settings: GateSettings) -> Weight:
    """Decide whether a share is proven to lie below its limit, above it, or neither yet; and what is still needed."""
    sequential = settings.evidence == "sequential" and 0.0 <= limit <= 1.0 and 0 <= mismatches <= n
    log_promote = log_e_promote(mismatches, n, limit) if sequential else 0.0
    log_rollback = log_e_rollback(mismatches, n, limit) if sequential else 0.0
    answer = judge(mismatches, n, limit, settings)
    needed = 0 if answer is Answer.OPEN else None
    if answer is Answer.HOLD and settings.evidence == "point":
        needed = max(settings.min_samples - n, 0) or None
    elif answer is Answer.HOLD and sequential and 0.0 < limit < 1.0 and 0.0 < settings.alpha < 1.0:
        needed = samples_still_needed(mismatches, n, limit, settings.alpha)
    return Weight(answer, needed, log_promote, log_rollback)


def judge(mismatches: int, n: int, limit: float, settings: GateSettings) -> Answer:
    """The answer that the counts give about a share and its limit.

    CLOSED needs the sequential test and at least `min_mismatches`, or a ratio beyond twice the limit over as many
    requests as would have proven a clean rollout: over fewer, a healthy one trips a plain ratio far too often (with a
    limit of 0.5 %, a single mismatch among fifty requests is already four times the limit).
    """
    if not 0.0 <= limit <= 1.0 or not 0.0 < settings.alpha < 1.0 or not 0 <= mismatches <= n:
        return Answer.HOLD
    if settings.evidence == "point":
        return _plain_rule(mismatches, n, limit, settings)
    if limit == 1.0:
        return Answer.OPEN if n else Answer.HOLD
    threshold = -math.log(settings.alpha)
    if mismatches >= settings.min_mismatches and (
        limit == 0.0 or log_e_rollback(mismatches, n, limit) >= threshold or _far_beyond(mismatches, n, limit, settings)
    ):
        return Answer.CLOSED
    return Answer.OPEN if log_e_promote(mismatches, n, limit) >= threshold else Answer.HOLD


def demands_rollback(mismatches: int, n: int, limit: float, settings: GateSettings) -> bool:
    """Whether a share is so clearly beyond a limit that enforcement must go back.

    The sequential test decides that itself. The plain rule takes twice the limit, and never fewer than
    `min_mismatches`: on its own it closes on the first unlucky request.
    """
    answer = judge(mismatches, n, limit, settings)
    if settings.evidence == "point":
        return answer is Answer.CLOSED and mismatches >= settings.min_mismatches and mismatches > 2 * limit * n
    return answer is Answer.CLOSED


def _plain_rule(mismatches: int, n: int, limit: float, settings: GateSettings) -> Answer:
    if n < settings.min_samples:
        return Answer.HOLD
    return Answer.OPEN if mismatches <= limit * n else Answer.CLOSED


def _far_beyond(mismatches: int, n: int, limit: float, settings: GateSettings) -> bool:
    # The ratio comes first: it is cheap and nearly always settles it.
    return mismatches > 2 * limit * n and n >= max(settings.min_samples, _clean_samples_needed(limit, settings.alpha))


_clean_samples_needed = lru_cache(maxsize=64)(clean_samples_needed)


def share_condition(share: Share, weight: Weight, basis: Basis, rate_per_s: float) -> Condition:
    """Whether a share is proven to lie below its limit."""
    counted = wording.events(share.name, basis, share.mismatches, share.n)
    limit = wording.share(share.limit)
    ratio = share.mismatches / share.n if share.n else None
    if weight.answer is Answer.OPEN:
        detail = f"{counted}: {'proven to be ' if weight.log_e_promote else ''}below {limit}"
    elif weight.answer is Answer.CLOSED:
        detail = f"{counted} ({wording.share(ratio or 0.0)}), above the limit of {limit}"
    elif not 0 <= share.mismatches <= share.n:
        detail = f"{counted}: the verifiers' reports contradict themselves"
    elif weight.needed is None:
        detail = f"{counted}; no number of requests proves a limit of {limit}"
    else:
        detail = f"{counted}; {wording.outlook(weight.needed, rate_per_s)}"
    return Condition(share.name, weight.answer, ratio, share.limit, detail)


def source_condition(age_s: float | None, settings: GateSettings, *, problem: str = "") -> Condition:
    """Whether the verifiers report at all, and can be heard; `problem` says why they cannot."""
    limit = settings.max_age_s
    if problem:
        return Condition("source", Answer.HOLD, None, limit, problem)
    if age_s is None or not math.isfinite(age_s):
        return Condition("source", Answer.HOLD, None, limit, "no verifier has reported on this step")
    if not abs(age_s) <= limit:
        return Condition(
            "source", Answer.HOLD, age_s, limit, f"the last report is {wording.duration(abs(age_s))} old: silent"
        )
    return Condition("source", Answer.OPEN, age_s, limit, f"last report {wording.duration(abs(age_s))} ago")


def hold_time_condition(step_age_s: float, hold_s: float) -> Condition:
    """Whether the step has lasted as long as the plan wants."""
    if not (math.isfinite(step_age_s) and step_age_s >= hold_s):
        left = wording.duration(hold_s - step_age_s)
        return Condition("hold_time", Answer.HOLD, step_age_s, hold_s, f"too soon: {left} of the hold time left")
    return Condition(
        "hold_time", Answer.OPEN, step_age_s, hold_s, f"this step has lasted {wording.duration(step_age_s)}"
    )


def samples_condition(n: int, settings: GateSettings) -> Condition:
    """Whether enough requests were seen to say anything."""
    answer = Answer.OPEN if n >= settings.min_samples and n > 0 else Answer.HOLD
    detail = f"{n:,} requests since the step began" if n else "no traffic since the step began"
    if answer is Answer.HOLD and n:
        detail += f", at least {settings.min_samples:,} needed"
    return Condition("samples", answer, float(n), float(settings.min_samples), detail)


def window_condition(windows: Mapping[str, Counts], step: Counts, settings: GateSettings, basis: Basis) -> Condition:
    """The rolling ratio of the last five minutes against the same limit: `adapt_drift_ratio <= drift_max_ratio`.

    Read over the enforced requests, which is never more lenient. It is CLOSED only on enough requests and mismatches,
    and it alone never rolls back: what is looked at in a rolling window proves nothing. What drifted before this step
    began holds it until that has left the window.
    """
    name, limit = "window_5m", settings.drift_max_ratio
    if basis == "preview":
        return Condition(name, Answer.OPEN, 0.0, limit, "nothing is enforced, so nothing drifts")
    window = windows.get(TREND_WINDOW, Counts())
    ratio = window.enforced_drift_ratio
    counted = f"{wording.events('drift', basis, window.drift, window.enforced)} in the last 5 minutes"
    if not window.enforced:
        return Condition(name, Answer.HOLD, None, limit, "no enforced request in the last 5 minutes")
    if ratio <= limit:
        return Condition(name, Answer.OPEN, ratio, limit, counted)
    detail = f"{counted} ({wording.share(ratio)}, limit {wording.share(limit)})"
    if step.enforced_drift_ratio <= limit:
        return Condition(name, Answer.HOLD, ratio, limit, f"{detail}, from before this step: it will pass")
    solid = window.enforced >= settings.min_samples and window.drift >= settings.min_mismatches
    return Condition(name, Answer.CLOSED if solid else Answer.HOLD, ratio, limit, detail)


def errors_condition(traffic: Traffic, settings: GateSettings) -> Condition:
    """Whether the share of 5xx answers stays below its limit."""
    name, limit = "errors_5xx", settings.max_5xx_ratio
    if not traffic.requests:
        return Condition(name, Answer.HOLD, None, limit, "no HTTP request since the step began")
    detail = f"{traffic.errors_5xx:,} of {traffic.requests:,} answers were 5xx, limit {wording.share(limit)}"
    ratio = traffic.error_ratio
    if not traffic.errors_5xx or ratio < limit:
        return Condition(name, Answer.OPEN, ratio, limit, detail)
    solid = traffic.requests >= settings.min_samples and traffic.errors_5xx >= settings.min_mismatches
    return Condition(name, Answer.CLOSED if solid and ratio >= limit else Answer.HOLD, ratio, limit, detail)


def latency_condition(traffic: Traffic, settings: GateSettings) -> Condition:
    """Whether the 95th percentile of the answer time stays below its limit."""
    name, limit = "latency_p95", settings.p95_limit_s
    p95_s = traffic.quantile_s(0.95)
    if p95_s is None:
        return Condition(name, Answer.HOLD, None, limit, "no HTTP request since the step began")
    detail = f"95 % of {traffic.requests:,} answers took up to {wording.latency(p95_s)}, limit {wording.latency(limit)}"
    if traffic.requests < settings.min_samples:
        return Condition(name, Answer.HOLD, p95_s, limit, f"{detail}; too few to judge")
    if p95_s < limit:
        return Condition(name, Answer.OPEN, p95_s, limit, detail)
    return Condition(name, Answer.CLOSED if p95_s >= limit else Answer.HOLD, p95_s, limit, detail)


def noise_floor(step: Counts, settings: GateSettings) -> float:
    """The share in which the baseline disagrees with itself, where that is established; 0 otherwise."""
    return step.aa_floor if step.aa_mismatches >= settings.min_mismatches else 0.0


def noise_condition(step: Counts, settings: GateSettings) -> Condition:
    """Whether the baseline agrees with itself well enough for drift to mean something."""
    name, limit = "noise", settings.drift_max_ratio
    if not step.aa_samples:
        return Condition(name, Answer.OPEN, None, limit, "the baseline was not checked against itself")
    detail = f"the baseline disagreed with itself in {step.aa_mismatches:,} of {step.aa_samples:,} checks"
    if noise_floor(step, settings) <= limit:
        return Condition(name, Answer.OPEN, step.aa_floor, limit, detail)
    return Condition(
        name, Answer.HOLD, step.aa_floor, limit, f"{detail}: drift cannot be told from noise, find its cause first"
    )
