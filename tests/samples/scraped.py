"""A verifier's exposition as Prometheus would have scraped it for an hour, made by the real exposition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from engine.drift.counts import Counts
from engine.drift.recorder import StepCounts
from engine.drift.sample import LATENCY_BOUNDS_S, Traffic
from engine.telemetry.exposition import PolicyScrape, Scrape, render
from engine.telemetry.requests import RequestMetrics
from engine.telemetry.security import SecurityMetrics
from engine.verifier.auth import AuthReason

POLICY = "lksg.v1"
JOB = "verifier"
INSTANCES = ("10.0.0.1:8080", "10.0.0.2:8080")
INTERVAL_S = 60
REQUESTS_A_SCRAPE = 100


class TokenCache:
    """Answers nine look-ups in ten."""

    def __init__(self, lookups: int) -> None:
        self.hits, self.misses = lookups * 9 // 10, lookups // 10


def scrape_after(scrapes: int) -> Scrape:
    """What a verifier exposes after so many minutes of steady traffic: a quarter enforced, some of it drifting."""
    requests = RequestMetrics()
    for result, share in (("ok", 90), ("warn", 5), ("fail", 3), ("rejected", 1), ("error", 1)):
        requests.by_result[result] = share * scrapes
    requests.duration.counts[3] = requests.selection.counts[3] = 95 * scrapes
    requests.duration.counts[8] = requests.selection.counts[8] = 5 * scrapes
    security = SecurityMetrics(reason.value for reason in AuthReason)
    security.token_failures["expired"] = scrapes
    security.expose_key("k1")
    security.signatures_created["k1"] = 99 * scrapes
    security.caches["tokens"] = TokenCache(REQUESTS_A_SCRAPE * scrapes)
    counts = Counts(
        requests=REQUESTS_A_SCRAPE * scrapes,
        enforced=25 * scrapes,
        over_block=2 * scrapes,
        preview_over_block=6 * scrapes,
        aa_samples=2 * scrapes,
    )
    latency = [0] * (len(LATENCY_BOUNDS_S) + 1)
    latency[10] = REQUESTS_A_SCRAPE * scrapes
    step = StepCounts("s1", counts, Traffic(REQUESTS_A_SCRAPE * scrapes, scrapes, tuple(latency)))
    windows = dict.fromkeys(("5m", "15m", "60m"), counts)
    policy = PolicyScrape(POLICY, 25, 3, counts, "open", drift_max_ratio=0.005, step=step, windows=windows)
    return Scrape((policy,), windows, requests, security, started_s=1_700_000_000.0)


def history(until_s: float, *, scrapes: int = 70) -> str:
    """Two verifiers, scraped every minute until a moment, in OpenMetrics format as `promtool tsdb` reads it."""
    types: dict[str, str] = {"up": "gauge"}
    lines: dict[str, list[str]] = defaultdict(list)
    for scrape in range(scrapes):
        at = until_s - (scrapes - 1 - scrape) * INTERVAL_S
        body, _ = render(scrape_after(scrape), "text/plain")
        families = list(text_string_to_metric_families(body.decode()))
        types |= {family.name: family.type for family in families}
        for instance in INSTANCES:
            target = {"job": JOB, "instance": instance}
            lines["up"].append(f"up{_labels(target)} 1 {at:.3f}")
            for family in families:
                lines[family.name] += [
                    f"{sample.name}{_labels({**sample.labels, **target})} {sample.value!r} {at:.3f}"
                    for sample in family.samples
                ]
    return "\n".join([*_document(types, lines), "# EOF", ""])


def _document(types: dict[str, str], lines: dict[str, list[str]]) -> Iterator[str]:
    for name, type in types.items():
        yield f"# TYPE {name} {type}"
        yield from lines[name]


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
