"""Evidence from one verifier's own `/metrics`: for a single verifier without a Prometheus.

The step and the windows are read off one scrape. Rates and recent latencies need two: they are known from the second
look on, because the source remembers the last minutes of what it scraped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from engine.clock import Clock
from engine.drift.counts import Counts
from engine.drift.sample import ReplicaSample
from engine.errors import EngineError, Unavailable
from engine.rollout.state import RolloutState
from engine.telemetry import names
from engine.telemetry.measured import LOOK_BACK_S, RECENT_S, WINDOWS_S, counts_of, report_of, step_of
from engine.telemetry.series import Scraped, Series, by_origin

TIMEOUT_S: Final = 3.0
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Where a token may travel without TLS."""

Fetch = Callable[[], str]
"""Gets the exposition, in Prometheus text format."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1: `b68token`."""
_REMEMBERED: Final = {names.STARTED, names.REQUESTS, names.DURATION_BUCKETS, names.DECISIONS}


class ScrapeSource:
    """Reads one verifier.

    Args:
        fetch: Gets its exposition.
        clock: Wall time of each scrape.
        replica: What the verifier is called on the screen.
    """

    name = "scrape"

    def __init__(self, fetch: Fetch, clock: Clock, *, replica: str) -> None:
        self._fetch = fetch
        self._clock = clock
        self._replica = replica
        self._remembered: dict[frozenset[tuple[str, str]], Series] = {}

    def evidence_of(self, state: RolloutState) -> list[ReplicaSample]:
        text = self._fetch()
        now = self._clock.now().timestamp()
        found = _read(text, now)
        scraped = self._with_memory(found, now)
        if scraped is None or scraped.last(names.DECISIONS, policy_id=state.policy_id) is None:
            raise Unavailable(
                "telemetry.no_series",
                f"The verifier's metrics say nothing of {state.policy_id}",
                "Check verifier_url, and that this verifier serves the policy.",
            )
        windows = {window: _window(found, state.policy_id, window) for window in WINDOWS_S}
        return [report_of(self._replica, scraped, state, step=step_of(found, state), windows=windows, now=now)]

    def _with_memory(self, found: list[Series], now: float) -> Scraped | None:
        """What was found, with what was found in the minutes before; None if it is no verifier's."""
        oldest = now - RECENT_S - LOOK_BACK_S
        for series in found:
            if series.name in _REMEMBERED:
                key = frozenset(series.labels.items())
                before = self._remembered[key].points if key in self._remembered else ()
                kept = tuple(point for point in before if oldest <= point[0] < now)
                self._remembered[key] = replace(series, points=(*kept, *series.points))
        others = [series for series in found if series.name == names.REVISION]
        return next(iter(by_origin([*self._remembered.values(), *others]).values()), None)


def fetch_metrics(url: str, token: Callable[[], str] = str) -> Fetch:
    """Get the `/metrics` of the verifier at a base URL.

    Args:
        url: Its base URL.
        token: Reads the access token each time; empty: none is sent.

    Raises:
        Unavailable: (when fetched) It does not answer, or not with metrics, or the token cannot be had or is not
            accepted.
    """

    def fetch() -> str:
        import httpx

        headers = {"accept": "text/plain", **_authorization(url, token)}
        try:
            answer = httpx.get(f"{url.rstrip('/')}/metrics", headers=headers, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            raise Unavailable(
                "telemetry.unreachable", "The verifier does not answer", "Check that it runs, and verifier_url."
            ) from error
        if answer.status_code != 200:
            raise _not_metrics(answer.status_code, sent="authorization" in headers)
        return answer.text

    return fetch


def _authorization(url: str, token: Callable[[], str]) -> dict[str, str]:
    """The header that carries the token, if there is one."""
    try:
        found = token()
    except EngineError as error:
        raise Unavailable("telemetry.token_unreadable", error.message, error.hint) from error
    if not found:
        return {}
    if _TOKEN.fullmatch(found) is None:
        raise Unavailable(
            "telemetry.token_unreadable",
            "The metrics token holds a character that no token has",
            "Check CAPCTL_METRICS_TOKEN: the token alone, as 'capctl token mint' prints it.",
        )
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise Unavailable(
            "telemetry.token_in_clear",
            "The metrics token would travel unencrypted",
            "Give an https verifier_url, or forward the verifier's port to this machine.",
        )
    return {"authorization": f"Bearer {found}"}


def _not_metrics(status: int, *, sent: bool) -> Unavailable:
    """What an answer other than 200 means for whoever reads metrics."""
    where = "Set CAPCTL_METRICS_TOKEN or metrics_token_file to a token with the scope metrics:read."
    if status == 403 and sent:
        return Unavailable("telemetry.token_refused", "The metrics token lacks the scope metrics:read", where)
    if status in (401, 403):
        told = "The verifier does not accept the metrics token" if sent else "The verifier's metrics need a token"
        return Unavailable("telemetry.token_refused", told, where)
    return Unavailable(
        "telemetry.refused", f"The verifier answers {status} instead of its metrics", "Check verifier_url."
    )


def replica_name(url: str) -> str:
    """What the verifier at a URL is called: host and port, never what else a URL may hold."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _read(text: str, at: float) -> list[Series]:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        return [
            Series({"__name__": sample.name, **sample.labels}, ((at, float(sample.value)),))
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
    except ValueError as error:
        raise Unavailable(
            "telemetry.malformed", "The verifier's metrics cannot be read", "Check verifier_url."
        ) from error


def _window(found: list[Series], policy_id: str, window: str) -> Counts:
    chosen = {"policy_id": policy_id, "window": window}
    return counts_of(
        (series.labels["counted"], round(series.points[-1][1]))
        for series in found
        if series.name == names.WINDOW_EVENTS and chosen.items() <= series.labels.items()
    )
