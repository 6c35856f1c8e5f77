"""What a verifier exposes about itself as a service: requests, durations, tokens, signatures, caches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric

from engine.__version__ import __version__
from engine.telemetry import names
from engine.telemetry.families import counter, gauge, histogram
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics


def process(started_s: float) -> Iterator[Metric]:
    """Which build this is, and since when it runs."""
    yield gauge("cap_build_info", "Always 1; the version is the label.", ("version",), [((__version__,), 1)])
    yield gauge(
        names.STARTED, "When this process began, by its own clock, in seconds since 1970.", (), [((), started_s)]
    )


def requests(metrics: RequestMetrics) -> Iterator[Metric]:
    """Requests to /verify and how long they took."""
    yield counter(
        names.REQUESTS,
        "Requests to /verify: the verdict, `rejected` for 4xx, `error` for 5xx.",
        ("result",),
        [((result,), count) for result, count in metrics.by_result.items()],
    )
    yield histogram("cap_verifier_request_duration_seconds", "Time to answer /verify.", metrics.duration)
    yield histogram(
        "adapt_selection_latency_seconds", "Time to select the plan and decide, without HTTP.", metrics.selection
    )


def security(metrics: SecurityMetrics) -> Iterator[Metric]:
    """Tokens refused, signatures made and checked, caches, and the audit trail."""
    yield counter(
        "cap_auth_token_validation_failures_total",
        "Requests whose access token was not accepted, by reason.",
        ("reason",),
        [((reason,), count) for reason, count in metrics.token_failures.items()],
    )
    for name, text, by_key in (
        ("cap_signatures_created_total", "Signatures made, by key id.", metrics.signatures_created),
        ("cap_signatures_verified_total", "Signatures checked that hold, by key id.", metrics.signatures_verified),
    ):
        yield counter(name, text, ("kid",), [((kid,), count) for kid, count in by_key.items()])
    yield counter(
        "cap_cache_lookups_total",
        "Look-ups in a cache, by what was found.",
        ("cache", "result"),
        [
            ((name, result), count)
            for name, cache in metrics.caches.items()
            for result, count in (("hit", cache.hits), ("miss", cache.misses))
        ],
    )
    yield gauge(
        "cap_cache_hit_ratio",
        "Hits / look-ups over all caches of this replica since it started; 0 before the first look-up.",
        (),
        [((), metrics.cache_hit_ratio)],
    )
    yield counter("audit_chain_break_total", "Breaks found in the audit trail.", (), [((), metrics.audit_chain_breaks)])


def adapter(written: Mapping[str, int]) -> Iterator[Metric]:
    """What the SAP adapter has written."""
    yield counter(
        "cap_adapter_sap_write_total",
        "Rows written to SAP, read back and equal, by the status they carry.",
        ("status",),
        [((status,), count) for status, count in written.items()],
    )
