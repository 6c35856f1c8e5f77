"""The panels of the verifier's dashboard: what they ask Prometheus, and how their numbers read.

What is written here is what differs between panels. Ratios of a fleet are made from counters, never by averaging
gauges; where nothing was counted there is no ratio rather than 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

WINDOWS = ("5m", "15m", "60m")
ALL = 'job=~"$job"'
OF_POLICY = 'job=~"$job", policy_id=~"$policy"'

RED, YELLOW, GREEN, BLUE = "red", "yellow", "green", "blue"


@dataclass(frozen=True)
class Panel:
    """What is particular to one panel."""

    title: str
    description: str
    queries: tuple[tuple[str, str], ...]
    """PromQL and its legend."""
    unit: str
    type: str = "timeseries"
    width: int = 8
    height: int = 8
    thresholds: tuple[tuple[float | None, str], ...] = ((None, GREEN),)
    mappings: tuple[Json, ...] = ()
    more: Json = field(default_factory=dict)
    """Further settings of the field: minimum, maximum, text without data."""


def share(part: str, whole: str, by: str = "") -> str:
    """A share from counters; no data, rather than 0 or NaN, where nothing was counted."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} ({part}) / (sum{grouping} ({whole}) > 0)"


def drift(window: str) -> str:
    """Drift over the enforced requests of a window, by policy."""
    return share(
        f"increase(adapt_drift_events_total{{{OF_POLICY}}}[{window}])",
        f'increase(adapt_requests_total{{{OF_POLICY}, mode="enforced"}}[{window}])',
        by="policy_id",
    )


def drift_of_all(window: str) -> str:
    """The same over all requests: `adapt_drift_ratio` of the fleet."""
    return share(
        f"increase(adapt_drift_events_total{{{OF_POLICY}}}[{window}])",
        f"increase(adapt_requests_total{{{OF_POLICY}}}[{window}])",
        by="policy_id",
    )


def rate(metric: str, matchers: str = ALL) -> str:
    """Its rate over the interval that Grafana finds fitting."""
    return f"rate({metric}{{{matchers}}}[$__rate_interval])"


def quantile(q: float, metric: str) -> str:
    """A quantile of a histogram over the whole fleet."""
    return f"histogram_quantile({q}, sum by (le) ({rate(metric + '_bucket')}))"


def of_result(result: str) -> str:
    """Matchers for requests with a result."""
    return f'{ALL}, result=~"{result}"'


GATE = (
    {
        "type": "value",
        "options": {
            "-1": {"text": "CLOSED ■", "color": RED, "index": 0},
            "0": {"text": "HOLD ◆", "color": YELLOW, "index": 1},
            "1": {"text": "OPEN ○", "color": BLUE, "index": 2},
        },
    },
)
DRIFT_LIMITS = ((None, GREEN), (0.0025, YELLOW), (0.005, RED))
ERROR_LIMITS = ((None, GREEN), (0.005, YELLOW), (0.01, RED))
LATENCY_LIMITS = ((None, GREEN), (0.3, YELLOW), (0.6, RED))
REQUESTS = "cap_verifier_requests_total"
DURATION = "cap_verifier_request_duration_seconds"

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "May it go on?",
        (
            Panel(
                "Gate",
                "What the gate of the rollout says: open, hold or closed; the worst answer of any replica.",
                ((f'min by (gate) (adapt_gate_state{{{ALL}, gate=~"$policy"}})', "{{gate}}"),),
                "none",
                "stat",
                4,
                5,
                ((None, RED), (0, YELLOW), (1, BLUE)),
                GATE,
                {"noValue": "no rollout"},
            ),
            Panel(
                "Enforced",
                "Share of requests that the rollout takes, as the replica furthest behind applies it.",
                ((f"min by (policy_id) (adapt_enforce_rollout_percent{{{OF_POLICY}}})", "{{policy_id}}"),),
                "percent",
                "stat",
                4,
                5,
                ((None, BLUE),),
                (),
                {"min": 0, "max": 100},
            ),
            Panel(
                "Drift, 5 min",
                "Drift events / enforced requests over five minutes; the limit is the plan's.",
                ((drift("5m"), "{{policy_id}}"),),
                "percentunit",
                "stat",
                4,
                5,
                DRIFT_LIMITS,
                (),
                {"noValue": "nothing enforced", "decimals": 3},
            ),
            Panel(
                "Requests/s",
                "Requests to /verify, over all replicas.",
                ((f"sum ({rate(REQUESTS)})", "requests"),),
                "reqps",
                "stat",
                4,
                5,
                ((None, BLUE),),
            ),
            Panel(
                "5xx, 15 min",
                "5xx answers / all answers over fifteen minutes. A canary allows none; the objective is < 1 %.",
                (
                    (
                        share(
                            f"increase({REQUESTS}{{{of_result('error')}}}[15m])", f"increase({REQUESTS}{{{ALL}}}[15m])"
                        ),
                        "5xx",
                    ),
                ),
                "percentunit",
                "stat",
                4,
                5,
                ERROR_LIMITS,
                (),
                {"noValue": "no traffic", "decimals": 3},
            ),
            Panel(
                "Verifiers",
                "Replicas that answer Prometheus. Fewer than the autoscaler's minimum: look at the pods.",
                ((f"sum (up{{{ALL}}})", "up"),),
                "none",
                "stat",
                4,
                5,
                ((None, RED), (1, BLUE)),
                (),
                {"noValue": "none"},
            ),
        ),
    ),
    (
        "Drift",
        (
            Panel(
                "Drift of enforced requests",
                "Drift events / enforced requests over 5, 15 and 60 minutes, and the limit.",
                (
                    *((drift(window), f"{{{{policy_id}}}} {window}") for window in WINDOWS),
                    (f"max by (policy_id) (adapt_drift_max_ratio{{{OF_POLICY}}})", "{{policy_id}} limit"),
                ),
                "percentunit",
                more={"min": 0},
            ),
            Panel(
                "Drift of all requests",
                "Drift events / all requests: adapt_drift_ratio of the fleet, diluted by what is not enforced.",
                tuple((drift_of_all(window), f"{{{{policy_id}}}} {window}") for window in WINDOWS),
                "percentunit",
                more={"min": 0},
            ),
            Panel(
                "Direction",
                "Drift events a second: over-block stops business, under-block lets a risk pass.",
                ((f"sum by (direction) ({rate('adapt_drift_direction_events_total', OF_POLICY)})", "{{direction}}"),),
                "cps",
                more={"min": 0},
            ),
            Panel(
                "Preview",
                "What would drift among the requests that are not enforced: what the next step brings.",
                (
                    (
                        share(
                            f"increase(adapt_preview_drift_events_total{{{OF_POLICY}}}[15m])",
                            f'increase(adapt_requests_total{{{OF_POLICY}, mode="shadow"}}[15m])',
                            by="policy_id",
                        ),
                        "{{policy_id}}",
                    ),
                ),
                "percentunit",
                more={"min": 0},
            ),
            Panel(
                "Noise floor",
                "Baseline verdicts that disagree with themselves (A/A): drift below this means nothing.",
                (
                    (
                        share(
                            f"increase(adapt_aa_mismatches_total{{{OF_POLICY}}}[60m])",
                            f"increase(adapt_aa_samples_total{{{OF_POLICY}}}[60m])",
                            by="policy_id",
                        ),
                        "{{policy_id}}",
                    ),
                ),
                "percentunit",
                more={"min": 0},
            ),
            Panel(
                "Drift as replicas see it",
                "Each replica's own five-minute window: one that stands out serves something else.",
                ((f'adapt_enforced_drift_ratio{{{ALL}, window="5m"}}', "{{replica}} {{instance}}"),),
                "percentunit",
                more={"min": 0},
            ),
        ),
    ),
    (
        "Rollout",
        (
            Panel(
                "Enforcement by replica",
                "What each replica applies: lines that part are replicas that do not reach the store.",
                ((f"adapt_enforce_rollout_percent{{{OF_POLICY}}}", "{{replica}} {{instance}} {{policy_id}}"),),
                "percent",
                more={"min": 0, "max": 100},
            ),
            Panel(
                "Gate over time",
                "Open, hold and closed over time.",
                ((f'min by (gate) (adapt_gate_state{{{ALL}, gate=~"$policy"}})', "{{gate}}"),),
                "none",
                "state-timeline",
                thresholds=((None, RED), (0, YELLOW), (1, BLUE)),
                mappings=GATE,
            ),
            Panel(
                "Decisions by mode",
                "Decisions a second that the rollout took (enforced) or left alone (shadow).",
                ((f"sum by (mode) ({rate('adapt_requests_total', OF_POLICY)})", "{{mode}}"),),
                "reqps",
                more={"min": 0},
            ),
        ),
    ),
    (
        "Service",
        (
            Panel(
                "Verdicts",
                "Requests a second by what came of them: the verdict, rejected (4xx), error (5xx).",
                ((f"sum by (result) ({rate(REQUESTS)})", "{{result}}"),),
                "reqps",
                more={"min": 0},
            ),
            Panel(
                "Latency",
                "Time to answer /verify. The objective is a 95th percentile below 600 ms.",
                tuple((quantile(q, DURATION), f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)),
                "s",
                thresholds=LATENCY_LIMITS,
                more={"min": 0},
            ),
            Panel(
                "Errors",
                "Share of answers that were 5xx (ours) and 4xx (the caller's).",
                (
                    (share(rate(REQUESTS, of_result("error")), rate(REQUESTS)), "5xx"),
                    (share(rate(REQUESTS, of_result("rejected")), rate(REQUESTS)), "4xx"),
                ),
                "percentunit",
                thresholds=ERROR_LIMITS,
                more={"min": 0},
            ),
            Panel(
                "Deciding",
                "Time to select the plan and decide, without HTTP.",
                tuple((quantile(q, "adapt_selection_latency_seconds"), f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)),
                "s",
                more={"min": 0},
            ),
            Panel(
                "CPU",
                "Processor time each replica uses: what the autoscaler looks at.",
                ((f"sum by (replica, instance) ({rate('process_cpu_seconds_total')})", "{{replica}} {{instance}}"),),
                "percentunit",
                more={"min": 0},
            ),
            Panel(
                "Memory",
                "Resident memory of each replica.",
                ((f"process_resident_memory_bytes{{{ALL}}}", "{{replica}} {{instance}}"),),
                "bytes",
                more={"min": 0},
            ),
        ),
    ),
    (
        "Trust",
        (
            Panel(
                "Refused tokens",
                "The five most frequent reasons. keys_unavailable is ours: the issuer cannot be reached.",
                ((f"topk (5, sum by (reason) ({rate('cap_auth_token_validation_failures_total')}))", "{{reason}}"),),
                "cps",
                more={"min": 0},
            ),
            Panel(
                "Cache hits",
                "Look-ups that were answered from a cache, by cache.",
                (
                    (
                        share(
                            rate("cap_cache_lookups_total", f'{ALL}, result="hit"'),
                            rate("cap_cache_lookups_total"),
                            by="cache",
                        ),
                        "{{cache}}",
                    ),
                    (f"avg (cap_cache_hit_ratio{{{ALL}}})", "since start"),
                ),
                "percentunit",
                more={"min": 0, "max": 1},
            ),
            Panel(
                "Signatures",
                "Results signed a second, by key id. After a rotation the old key falls to 0.",
                ((f"sum by (kid) ({rate('cap_signatures_created_total')})", "{{kid}}"),),
                "cps",
                more={"min": 0},
            ),
            Panel(
                "Audit breaks",
                "Breaks found in the audit trail: anything but 0 is an incident.",
                ((f"sum (audit_chain_break_total{{{ALL}}})", "breaks"),),
                "none",
                "stat",
                thresholds=((None, GREEN), (1, RED)),
            ),
        ),
    ),
)
