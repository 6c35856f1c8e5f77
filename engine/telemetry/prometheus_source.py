"""Evidence from a Prometheus that scrapes the fleet: exact counts, from raw samples.

- The step's evidence is the last value of every series that names the step. Such a series belongs to one run of one
  process and never falls, so the sum over all of them is what was counted, by whoever still lives and by whoever died.
- Windows are increases of counters between raw samples (`engine.telemetry.series`).

Nothing found is never zero: it is `Unavailable`, because a Prometheus that scrapes nobody answers just the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from engine.clock import Clock
from engine.drift.sample import ReplicaSample
from engine.errors import Unavailable
from engine.rollout.state import RolloutState
from engine.telemetry import names
from engine.telemetry.measured import (
    LONGEST_WINDOW_S,
    LOOK_BACK_S,
    RECENT_S,
    WINDOWS_S,
    report_of,
    step_of,
    window_of,
)
from engine.telemetry.series import Scraped, Series, by_origin

TIMEOUT_S: Final = 3
CLOCK_SKEW_S: Final = 120.0
"""A step is looked for from so long before it began: the clocks of two machines differ."""

Query = Callable[[str], Sequence[Mapping[str, Any]]]
"""Asks Prometheus an instant query: a vector (`value`) or a matrix (`values`), as its HTTP API answers it."""

_STEP: Final = (names.STEP_EVENTS, names.STEP_RESPONSES, names.STEP_ERRORS)
_WINDOW: Final = (
    names.DECISIONS,
    names.DRIFT_DIRECTION,
    names.PREVIEW_DIRECTION,
    names.AA_SAMPLES,
    names.AA_MISMATCHES,
    names.REVISION,
)
_TRAFFIC: Final = (names.REQUESTS, names.DURATION_BUCKETS)


class PrometheusSource:
    """Reads what the verifiers of one environment have measured.

    Args:
        query: Asks Prometheus.
        clock: Wall time, for where windows begin.
        match: Further label matchers that choose this environment's verifiers, `namespace="cap"`.
    """

    name = "prometheus"

    def __init__(self, query: Query, clock: Clock, *, match: str = "") -> None:
        self._query = query
        self._clock = clock
        self._match = match

    def evidence_of(self, state: RolloutState) -> list[ReplicaSample]:
        now = self._clock.now().timestamp()
        policy = f"policy_id={_quoted(state.policy_id)}"
        step_s = max(0.0, now - state.step_started_at.timestamp()) + CLOCK_SKEW_S
        window_s = LONGEST_WINDOW_S + LOOK_BACK_S
        found = [
            *self._ask(f"{self._selector(_WINDOW, policy)}[{window_s:.0f}s]"),
            *self._ask(f"{self._selector(_TRAFFIC)}[{RECENT_S + LOOK_BACK_S:.0f}s]"),
            # Last, so that the start is known for every scrape that the others saw.
            *self._ask(f"{self._selector((names.STARTED,))}[{window_s:.0f}s]"),
        ]
        step = f"step={_quoted(state.step_id)}"
        of_step = self._ask(f"last_over_time({self._selector(_STEP, policy, step)}[{step_s:.0f}s])")
        verifiers = by_origin(found)
        if not any(_serves(scraped, state.policy_id) for scraped in verifiers.values()):
            raise Unavailable(
                "telemetry.no_series",
                f"Prometheus answers, and has no series of {state.policy_id}",
                "Check that it scrapes the verifiers (up), and the setting prometheus_match.",
            )
        return [
            _report(origin, scraped, [s for s in of_step if s.origin == origin], state, now)
            for origin, scraped in verifiers.items()
        ]

    def _selector(self, metrics: Iterable[str], *matchers: str) -> str:
        parts = [f'__name__=~"{"|".join(metrics)}"', *matchers, self._match]
        return f"{{{','.join(filter(None, parts))}}}"

    def _ask(self, query: str) -> list[Series]:
        try:
            return [_series(entry) for entry in self._query(query)]
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(
                "telemetry.malformed", "Prometheus answers something that is no series", "Check prometheus_url."
            ) from error


def ask_prometheus(url: str) -> Query:
    """Ask the Prometheus at a URL; connects when it is first asked.

    Raises:
        Unavailable: (when asked) It does not answer, or refuses the query.
    """
    connection: list[Any] = []

    def query(text: str) -> Sequence[Mapping[str, Any]]:
        from prometheus_api_client import PrometheusConnect
        from prometheus_api_client.exceptions import PrometheusApiClientException
        from requests.exceptions import RequestException
        from urllib3.util.retry import Retry

        if not connection:
            # It is asked again in a moment anyway; a retry here would only keep the console waiting.
            connection.append(PrometheusConnect(url, retry=Retry(total=0), timeout=TIMEOUT_S, method="POST"))
        try:
            answer: Sequence[Mapping[str, Any]] = connection[0].custom_query(text)
        except RequestException as error:
            raise Unavailable(
                "telemetry.unreachable", "Prometheus does not answer", "Check that it runs, and prometheus_url."
            ) from error
        except PrometheusApiClientException as error:
            raise Unavailable(
                "telemetry.refused", "Prometheus refuses the query", "Check prometheus_match, and its log."
            ) from error
        return answer

    return query


def _report(
    origin: tuple[tuple[str, str], ...], scraped: Scraped, of_step: list[Series], state: RolloutState, now: float
) -> ReplicaSample:
    labels = dict(origin)
    replica = labels.get("pod") or "@".join(filter(None, (labels.get("replica"), labels.get("instance"))))
    windows = {name: window_of(scraped, state.policy_id, now - length_s) for name, length_s in WINDOWS_S.items()}
    return report_of(replica, scraped, state, step=step_of(of_step, state), windows=windows, now=now)


def _serves(scraped: Scraped, policy_id: str) -> bool:
    return scraped.last(names.DECISIONS, policy_id=policy_id, mode="shadow") is not None


def _series(entry: Mapping[str, Any]) -> Series:
    """A series of the HTTP API's answer, whose values are strings.

    Raises:
        KeyError, TypeError, ValueError: It is none, or holds a value that is no finite number.
    """
    raw = entry["values"] if "values" in entry else [entry["value"]]
    points = tuple((float(at), float(value)) for at, value in raw)
    if not points or not all(math.isfinite(value) for _, value in points):
        raise ValueError("not a finite number")
    return Series(entry["metric"], points)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
