"""Which verifiers a canary watch looks at."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from engine.bootstrap import read_metrics_token
from engine.cutover.access import verifier_url
from engine.cutover.canary import CanaryRow, canary_record
from engine.cutover.canary_evidence import CanaryLabel, CanarySource
from engine.cutover.canary_sources import PrometheusWatch, ScrapeWatch
from engine.cutover.local.target import LocalTarget
from engine.cutover.records import keep_record
from engine.errors import InvalidInput
from engine.telemetry.prometheus_source import ask_prometheus
from engine.telemetry.scrape_source import fetch_metrics

if TYPE_CHECKING:
    from engine.context import EngineContext

MAX_COURSE: Final = 3000
"""Looks of a watch that are kept, the latest: four hours of one every five seconds."""


def canary_source(ctx: EngineContext, name: str, bases: str) -> CanarySource:
    """Where to watch.

    Args:
        ctx: The environment.
        name: `scrape`, `prometheus`, or `auto`: Prometheus where the environment reads it, else a scrape.
        bases: URLs of verifiers to scrape, separated by commas; without any those of the local target where it runs,
            else the configured one.

    Raises:
        InvalidInput: An address is none.
    """
    settings = ctx.settings
    if name == "prometheus" or (name == "auto" and settings.source == "prometheus" and not bases):
        return PrometheusWatch(ask_prometheus(settings.prometheus_url), match=settings.prometheus_match)
    token = partial(read_metrics_token, settings, os.environ)
    local = LocalTarget(settings, ctx.clock, actor=ctx.actor)
    if local.url and not bases:
        return ScrapeWatch(partial(_local_verifiers, local))
    urls = [url.strip() for url in bases.split(",")] if bases else [verifier_url(settings)]
    fixed = {_place(url): fetch_metrics(url, token) for url in urls}
    return ScrapeWatch(lambda: fixed)


def canary_label(text: str) -> CanaryLabel:
    """A label and a pattern. Raises InvalidInput where the text is none."""
    name, equals, pattern = text.partition("=")
    if not name.isidentifier() or not equals or not pattern:
        raise InvalidInput("canary.label", f"{text[:60]!r} names no verifiers", "Write LABEL=PATTERN: track=canary.")
    return CanaryLabel(name, pattern)


def recorded(ctx: EngineContext, rows: Iterator[CanaryRow]) -> Iterator[CanaryRow]:
    """Pass rows on, and keep a watch that came to its end for the report; one that was broken off proves nothing."""
    seen: deque[CanaryRow] = deque(maxlen=MAX_COURSE)
    for row in rows:
        seen.append(row)
        yield row
    if seen and not ctx.read_only:
        keep_record(ctx.settings.state_dir, "canary", canary_record(tuple(seen)), at=seen[-1].at)


def _local_verifiers(local: LocalTarget) -> Mapping[str, Callable[[], str]]:
    return {name: fetch_metrics(url) for name, url in local.backend_urls().items()}


def _place(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise InvalidInput("canary.base", "A verifier's address is no base URL", "Give --base https://HOST.")
    return parts.netloc
