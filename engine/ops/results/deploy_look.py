"""What a screen about deployments looks at: the release, and the last of each check that was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from engine.clock import from_rfc3339
from engine.cutover.load_ledger import LoadSlot
from engine.cutover.smoke import SmokeCheck, SmokeReport
from engine.cutover.target import ReleaseStatus
from engine.errors import EngineError
from engine.ops.results.deploy import TargetName

Answered = Literal["yes", "no", "hold"]


@dataclass(frozen=True, slots=True)
class TrackSeen:
    """A part of the fleet, as a canary watch counted it."""

    name: str
    verifiers: int
    requests: int
    errors_5xx: int
    p95_s: float | None
    enforced: int
    drift: int
    restarts: int


@dataclass(frozen=True, slots=True)
class CanarySeen:
    """A canary watch: one look of it, or its verdict."""

    at: datetime
    answer: Answered
    final: bool
    clean_s: float
    for_s: float
    reasons: tuple[str, ...]
    tracks: tuple[TrackSeen, ...]
    scaling: tuple[str, ...]
    replicas: int | None
    source: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `CanaryRow.to_json` made. Raises KeyError, TypeError, ValueError or InvalidInput."""
        tracks = tuple(TrackSeen(name, **counted) for name, counted in data["tracks"].items())
        return cls(
            at=from_rfc3339(data["at"]),
            answer=data["answer"],
            final=bool(data["final"]),
            clean_s=float(data["clean_s"]),
            for_s=float(data["for_s"]),
            reasons=tuple(data["reasons"]),
            tracks=tracks,
            scaling=tuple(data["scaling"]),
            replicas=data["replicas"],
            source=str(data["source"]),
        )


@dataclass(frozen=True, slots=True)
class LoadSeen:
    """A load test that came to its end."""

    at: datetime
    answer: Answered
    reasons: tuple[str, ...]
    """What is missed, else why it proves nothing."""
    rps: float
    duration_s: float
    due: int
    failed: int
    latency_s: Mapping[str, float]
    """`p50`, `p95`, `p99`, `max`, ..."""
    limit_s: float
    """The objective's p95."""
    error_limit: float
    course: tuple[LoadSlot, ...]
    slot_s: float
    replicas: tuple[int, ...]
    """Ready replicas, as they were counted meanwhile."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `LoadReport.to_json` made. Raises KeyError, TypeError, ValueError or InvalidInput."""
        return cls(
            at=from_rfc3339(data["at"]),
            answer=data["answer"],
            reasons=tuple(data["misses"] or data["doubts"]),
            rps=float(data["plan"]["rps"]),
            duration_s=float(data["plan"]["duration_s"]),
            due=int(data["due"]),
            failed=int(data["failed"]),
            latency_s=dict(data["latency_s"]),
            limit_s=float(data["slo"]["p95_s"]),
            error_limit=float(data["slo"]["error_ratio"]),
            course=tuple(LoadSlot(**slot) for slot in data["course"]),
            slot_s=float(data["slot_s"]),
            replicas=tuple(int(seen["ready"]) for seen in data["replicas"]),
        )


def smoke_from_json(data: Mapping[str, Any]) -> SmokeReport:
    """Read what `SmokeReport.to_json` made. Raises KeyError, TypeError, ValueError or InvalidInput."""
    checks = tuple(
        SmokeCheck(
            each["name"], each["request"], each["status"], each["elapsed_ms"] / 1000, bool(each["ok"]), each["detail"]
        )
        for each in data["checks"]
    )
    return SmokeReport(from_rfc3339(data["at"]), str(data["env"]), str(data["base"]), checks)


@dataclass(frozen=True, slots=True)
class DeployLook:
    """A release and its checks at one moment."""

    at: datetime
    target: TargetName
    status: ReleaseStatus | None
    """Where the release stands; as it was last known where it cannot be asked now, which its own time tells."""
    obstacle: EngineError | None = None
    """Why the target cannot be asked."""
    smoke: SmokeReport | None = None
    canary: CanarySeen | None = None
    load: LoadSeen | None = None
    canary_for: str = "15m"
    """How long a canary is watched for in this environment, as an operation takes it."""
