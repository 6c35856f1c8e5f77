"""What a canary is judged by: what its verifiers counted since the watch began, added up by track.

A track is a part of the fleet: `stable`, `canary`, or `all` where there is no canary beside the rest. Numbers are
increases of counters between raw samples, exact to the event (`engine.telemetry.series`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol, TypeAlias

from engine.drift.counts import Counts
from engine.drift.sample import Traffic
from engine.telemetry import names
from engine.telemetry.measured import window_of
from engine.telemetry.series import Scraped, traffic_since

Origin: TypeAlias = tuple[tuple[str, str], ...]
"""The labels that tell one verifier from another."""

CANARY: Final = "canary"
STABLE: Final = "stable"
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a source saw of the fleet, from before the watch began until now."""

    verifiers: Mapping[Origin, Scraped]
    down: tuple[str, ...] = ()
    """Verifiers that should answer and do not, in words."""
    newest_s: float | None = None
    """Unix time of the youngest sample of a verifier that should answer; of the oldest among those; None for none."""
    scaling: tuple[str, ...] = ()
    """What the autoscaler did since the watch began, in words, oldest first."""
    replicas: int | None = None
    """Verifiers that answer; None where that is not known."""


class CanarySource(Protocol):
    """Where a canary is watched."""

    @property
    def name(self) -> str:
        """`prometheus`, `scrape`."""
        ...

    def look(self, *, since_s: float, now_s: float) -> Sighting:
        """See what was counted after a moment, both in Unix time.

        Raises:
            Unavailable: Nobody answers, or with nothing that says anything about verifiers.
        """
        ...


@dataclass(frozen=True, slots=True)
class Track:
    """A part of the fleet since the watch began."""

    name: str
    verifiers: int = 0
    """That were seen, the departed included."""
    traffic: Traffic = field(default_factory=Traffic)
    counts: Counts = field(default_factory=Counts)
    restarts: int = 0

    @property
    def p95_s(self) -> float | None:
        """Of its answers; None without one."""
        return self.traffic.quantile_s(0.95)

    def to_json(self) -> dict[str, Any]:
        """The track as JSON data."""
        p95 = self.p95_s
        return {
            "verifiers": self.verifiers,
            "requests": self.traffic.requests,
            "errors_5xx": self.traffic.errors_5xx,
            "p95_s": None if p95 is None or p95 == float("inf") else round(p95, 6),
            "enforced": self.counts.enforced,
            "drift": self.counts.drift,
            "restarts": self.restarts,
        }


@dataclass(frozen=True, slots=True)
class CanaryLabel:
    """How a verifier of the canary is told from the others: a label and a pattern of its value."""

    name: str = "replica"
    pattern: str = "*canary*"

    def matches(self, origin: Origin) -> bool:
        """Whether these labels are a canary's."""
        return fnmatchcase(dict(origin).get(self.name, ""), self.pattern)


def tracks_of(
    verifiers: Mapping[Origin, Scraped], *, policy_id: str, since_s: float, label: CanaryLabel
) -> dict[str, Track]:
    """Add up what the verifiers counted after a moment, by track.

    Returns:
        `all`, and beside it `canary` and `stable` where both exist.
    """
    tracks: dict[str, list[Track]] = defaultdict(list)
    for origin, scraped in verifiers.items():
        tracks[CANARY if label.matches(origin) else STABLE].append(
            Track(
                "",
                1,
                traffic_since(scraped, since_s),
                window_of(scraped, policy_id, since_s),
                _restarts(scraped, since_s),
            )
        )
    found = {ALL: _sum(ALL, [track for several in tracks.values() for track in several])}
    if tracks.keys() == {CANARY, STABLE}:
        found |= {name: _sum(name, several) for name, several in tracks.items()}
    return found


def _restarts(scraped: Scraped, since_s: float) -> int:
    """How often another process answered than before.

    The last sample before the watch counts as what was there when it began.
    """
    earlier = [at for at in scraped.starts if at <= since_s]
    seen = {scraped.starts[at] for at in scraped.starts if at > since_s or at == max(earlier, default=None)}
    return max(len(seen) - 1, 0)


def _sum(name: str, tracks: Iterable[Track]) -> Track:
    total = Track(name)
    for track in tracks:
        total = Track(
            name,
            total.verifiers + track.verifiers,
            total.traffic + track.traffic,
            total.counts + track.counts,
            total.restarts + track.restarts,
        )
    return total


NEEDED: Final = frozenset(
    {names.STARTED, names.REQUESTS, names.DURATION_BUCKETS, names.DECISIONS, names.DRIFT_DIRECTION}
)
"""The series that a canary is judged by."""
