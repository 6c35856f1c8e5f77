"""The canary watch: red at once, green only after the whole time, and held by silence.

    for row in watch_canary(source, CanaryLimits(for_s=900), policy_id="lksg.v1", clock=clock):
        row.answer, row.reasons                       # the last row is the verdict

- A single 5xx, a restart, a broken p95 or proven drift makes it red, and ends the watch.
- Time counts only while evidence flows: a source that answers, every verifier up, requests coming in. What does not
  flow is silence; after a minute of it the watch ends without a verdict.
- What a person should look at (drift over the limit that is not proven, a canary much slower than the stable part, too
  few requests) never turns it red, and never lets it turn green.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from engine.canonical import canonical_json
from engine.clock import Clock, to_rfc3339
from engine.cutover.canary_evidence import ALL, CANARY, STABLE, CanaryLabel, CanarySource, Sighting, Track, tracks_of
from engine.cutover.slo import Slo
from engine.drift.conditions import judge
from engine.drift.report import Answer, GateSettings
from engine.drift.wording import duration, share
from engine.errors import EngineError, InvalidInput

MAX_FOR_S: Final = 4 * 3600.0
"""Every look reads all raw samples since the beginning."""
FEWEST: Final = 100
"""Requests below which a 95th percentile says little."""
SLOWER: Final = 2.0
SLOWER_BY_S: Final = 0.05
"""A canary whose p95 is so many times the stable part's, and at least so much above it, is worth a look."""

Answered = Literal["yes", "no", "hold"]


@dataclass(frozen=True, slots=True)
class CanaryLimits:
    """What a canary is held to."""

    for_s: float = 900.0
    """How long it must be clean."""
    patience_s: float = 60.0
    """How long silence may last; also the greatest age of a sample."""
    slo: Slo = field(default_factory=Slo)
    drift_max: float = 0.005
    """Limit on drift events / enforced requests."""
    fewest: int = FEWEST
    """Requests that a verdict needs."""

    def __post_init__(self) -> None:
        if not 1 <= self.for_s <= MAX_FOR_S or not 0 < self.patience_s <= MAX_FOR_S or not 0 <= self.drift_max <= 1:
            raise InvalidInput(
                "canary.impossible",
                f"Cannot watch for {self.for_s:g} s with a patience of {self.patience_s:g} s",
                "Give --for 1s to 4h, a --patience above 0, and a --drift-max of 0 to 1.",
            )


@dataclass(frozen=True, slots=True)
class CanaryRow:
    """One look at a canary; the last one is the verdict."""

    at: datetime
    answer: Answered
    """While it is watched: `hold`."""
    final: bool
    clean_s: float
    """For how long it has been seen to be clean."""
    for_s: float
    reasons: tuple[str, ...]
    """Why it is red, or what keeps it from becoming green; empty while there is only time to wait for."""
    tracks: Mapping[str, Track]
    scaling: tuple[str, ...]
    """What the autoscaler did so far."""
    replicas: int | None
    source: str

    def to_json(self) -> dict[str, Any]:
        """The row as JSON data."""
        return {
            "at": to_rfc3339(self.at),
            "answer": self.answer,
            "final": self.final,
            "clean_s": round(self.clean_s, 1),
            "for_s": self.for_s,
            "reasons": list(self.reasons),
            "tracks": {name: track.to_json() for name, track in self.tracks.items()},
            "scaling": list(self.scaling),
            "replicas": self.replicas,
            "source": self.source,
        }


def watch_canary(
    source: CanarySource,
    limits: CanaryLimits,
    *,
    policy_id: str,
    clock: Clock,
    label: CanaryLabel | None = None,
    interval_s: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[CanaryRow]:
    """Watch until there is a verdict, and yield what every look shows.

    Args:
        source: Where to look.
        limits: What it is held to.
        policy_id: The policy whose drift counts.
        clock: Wall time for the source, monotonic time for the watch.
        label: How a canary is told from the stable part.
        interval_s: Between two looks.
        sleep: Waits between them.

    Raises:
        InvalidInput: The interval makes no sense.
    """
    if not 0 < interval_s <= limits.patience_s:
        message = f"An interval of {interval_s:g} s would be silence by itself"
        raise InvalidInput("canary.interval", message, "Look at least once within the --patience.")
    watch = _Watch(limits, clock.monotonic())
    began_s = clock.now().timestamp()
    while True:
        now = clock.now()
        try:
            seen, problem = source.look(since_s=began_s, now_s=now.timestamp()), ""
        except EngineError as error:
            seen, problem = watch.seen, error.message
        tracks = tracks_of(seen.verifiers, policy_id=policy_id, since_s=began_s, label=label or CanaryLabel())
        watch.seen = seen
        answer, final, reasons = watch.judge(tracks, problem or watch.silence(seen, now.timestamp()), clock.monotonic())
        yield CanaryRow(
            now, answer, final, watch.clean_s, limits.for_s, reasons, tracks, seen.scaling, seen.replicas, source.name
        )
        if final:
            return
        sleep(interval_s)


def canary_record(rows: Sequence[CanaryRow]) -> bytes:
    """A finished watch as canonical JSON, for the report: its verdict whole, its course in brief."""
    course = [
        {
            "at": to_rfc3339(row.at),
            "clean_s": round(row.clean_s, 1),
            "reasons": list(row.reasons),
            **row.tracks[ALL].to_json(),
        }
        for row in rows
    ]
    return canonical_json({"verdict": rows[-1].to_json(), "course": course}) + b"\n"


class _Watch:
    """What a watch remembers between two looks."""

    def __init__(self, limits: CanaryLimits, now_s: float) -> None:
        self._limits = limits
        self.seen = Sighting({})
        self.clean_s = 0.0
        self._looked_s = now_s
        self._flowing_s: float | None = None
        """When evidence was last seen to flow."""
        self._began_s = now_s
        self._was_flowing = False
        self._requests = 0
        self._progress_s = now_s

    def silence(self, seen: Sighting, now_s: float) -> str:
        """Why what was seen is no evidence; empty when it is."""
        if seen.down:
            return "; ".join(seen.down)
        if seen.newest_s is None:
            return "no verifier that should answer is known"
        age_s = now_s - seen.newest_s
        return f"the youngest sample is {duration(age_s)} old" if age_s >= self._limits.patience_s else ""

    def judge(self, tracks: Mapping[str, Track], problem: str, now_s: float) -> tuple[Answered, bool, tuple[str, ...]]:
        """The answer, whether it is final, and why."""
        red = tuple(_red(tracks, self._limits))
        problem = problem or self._without_traffic(tracks, now_s)
        elapsed_s, self._looked_s = now_s - self._looked_s, now_s
        if red:
            return "no", True, red
        if problem:
            silent_s = now_s - (self._began_s if self._flowing_s is None else self._flowing_s)
            self._was_flowing = False
            return "hold", silent_s >= self._limits.patience_s, (f"silence: {problem}",)
        if self._was_flowing:
            self.clean_s += elapsed_s
        self._was_flowing, self._flowing_s = True, now_s
        concerns = tuple(_concerns(tracks, self._limits))
        if self.clean_s < self._limits.for_s:
            return "hold", False, concerns
        return ("hold" if concerns else "yes"), True, concerns

    def _without_traffic(self, tracks: Mapping[str, Track], now_s: float) -> str:
        """What says that no requests come in; a look without any is none yet, because samples come in steps."""
        requests = tracks.get(CANARY, tracks[ALL]).traffic.requests
        if requests > self._requests:
            self._requests, self._progress_s = requests, now_s
        idle_s = now_s - self._progress_s
        if not requests:
            return "no requests since the watch began"
        return f"no requests for {duration(idle_s)}" if idle_s >= self._limits.patience_s / 2 else ""


def _red(tracks: Mapping[str, Track], limits: CanaryLimits) -> Iterator[str]:
    whole = tracks[ALL]
    if whole.traffic.errors_5xx:
        yield f"{whole.traffic.errors_5xx:,} of {whole.traffic.requests:,} answers were 5xx{_whose(tracks)}"
    if whole.restarts:
        yield f"{whole.restarts} restart{'' if whole.restarts == 1 else 's'} of a verifier"
    for track in _shown(tracks):
        p95 = track.p95_s
        if p95 is not None and p95 >= limits.slo.p95_s and track.traffic.requests >= limits.fewest:
            yield f"{track.name}: p95 {p95 * 1000:.0f} ms, limit {limits.slo.p95_s * 1000:.0f} ms"
    for track in _shown(tracks):
        if _drift(track, limits) is Answer.CLOSED:
            yield f"{track.name}: {_drifted(track, limits)}"


def _concerns(tracks: Mapping[str, Track], limits: CanaryLimits) -> Iterator[str]:
    for track in _shown(tracks):
        if track.traffic.requests < limits.fewest:
            yield f"{track.name}: {track.traffic.requests:,} requests so far, {limits.fewest:,} are needed"
        if track.counts.drift > limits.drift_max * track.counts.enforced:
            yield f"{track.name}: {_drifted(track, limits)}, not proven yet"
    canary, stable = tracks.get(CANARY), tracks.get(STABLE)
    if canary is None or stable is None or min(canary.traffic.requests, stable.traffic.requests) < limits.fewest:
        return
    slow, usual = canary.p95_s or 0.0, stable.p95_s or 0.0
    if slow > SLOWER * usual and slow - usual >= SLOWER_BY_S:
        yield f"the canary's p95 is {slow * 1000:.0f} ms, the stable part's {usual * 1000:.0f} ms"


def _shown(tracks: Mapping[str, Track]) -> tuple[Track, ...]:
    """The parts that are judged by themselves: the canary and the rest where both exist."""
    return (tracks[CANARY], tracks[STABLE]) if CANARY in tracks else (tracks[ALL],)


def _whose(tracks: Mapping[str, Track]) -> str:
    if CANARY not in tracks:
        return ""
    return f" (canary {tracks[CANARY].traffic.errors_5xx:,}, stable {tracks[STABLE].traffic.errors_5xx:,})"


def _drift(track: Track, limits: CanaryLimits) -> Answer:
    settings = GateSettings(drift_max_ratio=limits.drift_max)
    return judge(track.counts.drift, track.counts.enforced, limits.drift_max, settings)


def _drifted(track: Track, limits: CanaryLimits) -> str:
    counts = track.counts
    return f"{counts.drift:,} of {counts.enforced:,} enforced requests drifted, limit {share(limits.drift_max)}"
