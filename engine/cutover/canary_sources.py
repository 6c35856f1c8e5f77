"""Where a canary is watched: the verifiers' own `/metrics`, or a Prometheus that scrapes them.

Nothing found is never zero: what does not answer is silence, and a canary is not judged by silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from engine.cutover.canary_evidence import NEEDED, Origin, Sighting
from engine.errors import EngineError, Unavailable
from engine.telemetry import names
from engine.telemetry.measured import LOOK_BACK_S
from engine.telemetry.prometheus_source import Query
from engine.telemetry.series import Series, by_origin

HPA_CURRENT: Final = "kube_horizontalpodautoscaler_status_current_replicas"
"""From kube-state-metrics, where the cluster has it."""
_NAMESPACE = re.compile(r'(?:^|,)(namespace="[^"]*")')


class ScrapeWatch:
    """Watches verifiers by reading their metrics themselves, and remembers what it read.

    Args:
        targets: Gets the exposition of each verifier, by name. Called before every look, because verifiers come and go.
    """

    name = "scrape"

    def __init__(self, targets: Callable[[], Mapping[str, Callable[[], str]]]) -> None:
        self._targets = targets
        self._remembered: dict[frozenset[tuple[str, str]], Series] = {}

    def look(self, *, since_s: float, now_s: float) -> Sighting:
        targets, down = self._targets(), []
        for name, fetch in targets.items():
            try:
                self._remember(name, fetch(), since_s, now_s)
            except EngineError as error:
                down.append(f"{name}: {error.message}")
        if not targets:
            raise Unavailable("canary.no_target", "No verifier runs that could be watched", "Deploy one first.")
        answered = len(targets) - len(down)
        verifiers = by_origin(self._remembered.values())
        return Sighting(verifiers, tuple(down), now_s if answered else None, (), answered)

    def _remember(self, name: str, exposition: str, since_s: float, now_s: float) -> None:
        from prometheus_client.parser import text_string_to_metric_families

        try:
            samples = [
                (s.name, s.labels, _number(s.value))
                for family in text_string_to_metric_families(exposition)
                for s in family.samples
                if s.name in NEEDED
            ]
        except ValueError as error:
            raise Unavailable("canary.malformed", "its metrics cannot be read", "Check the address.") from error
        if not samples:
            raise Unavailable("canary.no_series", "it exposes nothing of a verifier", "Check the address.")
        for metric, own, value in samples:
            labels = {"__name__": metric, "instance": name, **own}
            key = frozenset(labels.items())
            before = self._remembered.get(key)
            points = (*(before.points if before else ()), (now_s, value))
            # Every start is kept: it tells for each moment which process answered.
            kept = points if metric == names.STARTED else _thinned(points, since_s)
            self._remembered[key] = Series(labels, kept)


class PrometheusWatch:
    """Watches the fleet through a Prometheus.

    Args:
        query: Asks it.
        match: Label matchers that choose this environment's verifiers, `namespace="cap"`.
    """

    name = "prometheus"

    def __init__(self, query: Query, *, match: str = "") -> None:
        self._query = query
        self._match = match

    def look(self, *, since_s: float, now_s: float) -> Sighting:
        window_s = max(now_s - since_s, 0.0) + LOOK_BACK_S
        selector = f'__name__=~"{"|".join(sorted(NEEDED))}"'
        found = self._range(_braces(selector, self._match), window_s, now_s)
        verifiers = by_origin(found)
        if not verifiers:
            raise Unavailable(
                "canary.no_series",
                "Prometheus answers, and knows no verifier",
                "Check that it scrapes them (up), and the setting prometheus_match.",
            )
        up = self._up(verifiers, now_s)
        alive = {origin: scraped for origin, scraped in verifiers.items() if _instance(origin) in up}
        newest = min((scraped.newest for origin, scraped in alive.items() if up[_instance(origin)]), default=None)
        down = tuple(sorted(f"{instance}: Prometheus cannot scrape it" for instance, is_up in up.items() if not is_up))
        return Sighting(verifiers, down, newest, self._scaling(since_s, now_s, window_s), sum(up.values()))

    def _up(self, verifiers: Iterable[Origin], now_s: float) -> dict[str, bool]:
        """Which of the verifiers' targets answer now; one that is no target any more is none that is down."""
        known = {_instance(origin) for origin in verifiers}
        answers = self._instant(f"up{_braces(self._match)}", now_s)
        return {s.labels["instance"]: s.points[-1][1] == 1 for s in answers if s.labels.get("instance") in known}

    def _scaling(self, since_s: float, now_s: float, window_s: float) -> tuple[str, ...]:
        """Changes of an autoscaler's replicas, where the cluster exports them."""
        namespace = _NAMESPACE.search(self._match)
        if namespace is None:
            return ()
        series = self._range(HPA_CURRENT + _braces(namespace[1]), window_s, now_s)
        changes = [
            (at, f"{s.labels.get('horizontalpodautoscaler', 'the autoscaler')}: {before:.0f} -> {after:.0f} replicas")
            for s in series
            for (_, before), (at, after) in pairwise(s.points)
            if at > since_s and before != after
        ]
        return tuple(text for _, text in sorted(changes))

    def _range(self, selector: str, window_s: float, now_s: float) -> list[Series]:
        return self._ask(f"{selector}[{window_s:.0f}s] @ {now_s:.3f}")

    def _instant(self, selector: str, now_s: float) -> list[Series]:
        return self._ask(f"{selector} @ {now_s:.3f}")

    def _ask(self, query: str) -> list[Series]:
        try:
            return [_series(entry) for entry in self._query(query)]
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(
                "canary.malformed", "Prometheus answers something that is no series", "Check prometheus_url."
            ) from error


def _series(entry: Mapping[str, Any]) -> Series:
    """A series of the HTTP API's answer. Raises KeyError, TypeError or ValueError where it is none of numbers."""
    raw: Sequence[Sequence[Any]] = entry["values"] if "values" in entry else [entry["value"]]
    return Series(entry["metric"], tuple((float(at), _number(value)) for at, value in raw))


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _braces(*matchers: str) -> str:
    return f"{{{','.join(filter(None, matchers))}}}"


def _instance(origin: Origin) -> str:
    return dict(origin).get("instance", "")


def _thinned(points: tuple[tuple[float, float], ...], since_s: float) -> tuple[tuple[float, float], ...]:
    """Points without those before the last one at or before the watch's beginning, and without what says nothing new.

    A point between two equal ones changes no increase; leaving it out keeps an idle series at three points.
    """
    first = max((number for number, (at, _) in enumerate(points) if at <= since_s), default=0)
    kept = points[first:]
    if len(kept) >= 3 and kept[-1][1] == kept[-2][1] == kept[-3][1]:
        return (*kept[:-2], kept[-1])
    return kept
