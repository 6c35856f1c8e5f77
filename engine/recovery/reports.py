"""Signed reports of drills, kept beside the registry, so that whoever comes next sees what the last one showed.

The folder is no more trusted than a disk is: a report counts only where its signature does, and the newest is the one
that says so itself, whatever its file is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

from engine.canonical import strict_json
from engine.clock import from_rfc3339
from engine.errors import EngineError
from engine.ids import HASH_PREFIX, hash_bytes
from engine.recovery.disk import told, write_new
from engine.trust.dsse import MAX_ENVELOPE_BYTES, unseal
from engine.trust.jwk import PublicKey

DrillKind: TypeAlias = Literal["restore", "rotation"]

TYPES: Final[Mapping[DrillKind, str]] = {
    "restore": "application/vnd.capctl.restore-drill.v1+json",
    "rotation": "application/vnd.capctl.rotation-drill.v1+json",
}
"""The payload type of each kind's report."""

SUFFIX: Final = ".dsse.json"
MOST_READ: Final = 20
"""Reports of a kind that are looked at, the newest by their names."""


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A drill's report whose signature holds."""

    kind: DrillKind
    name: str
    """Of its file."""
    started_at: datetime
    ok: bool
    signed_by: str
    """The id of a key that signed it."""
    facts: Mapping[str, Any]
    """The whole report."""


def keep_report(folder: Path, kind: DrillKind, started_at: datetime, document: bytes) -> Path:
    """Keep a drill's signed report.

    Args:
        folder: Where reports are kept; made (0700) where it is not there.
        kind: Of the drill.
        started_at: When it began.
        document: The report as a DSSE envelope.

    Raises:
        Unavailable: It cannot be written.
    """
    digest = hash_bytes(document).removeprefix(HASH_PREFIX)
    path = folder / f"{kind}-{started_at:%Y%m%dT%H%M%SZ}-{digest[:8]}{SUFFIX}"
    with told("The drill's report"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(path, document)
    return path


def last_report(folder: Path, kind: DrillKind, keys: Mapping[str, PublicKey]) -> KeptReport | None:
    """The newest report of a kind whose signature counts; None where there is none.

    Args:
        folder: Where reports are kept; it need not exist.
        kind: Of the drill.
        keys: By key id: whose signatures count.

    Raises:
        Unavailable: The folder cannot be read.
    """
    with told("The folder of drill reports"):
        names = sorted(path.name for path in folder.glob(f"{kind}-*{SUFFIX}"))
        found = [kept for name in names[-MOST_READ:] for kept in _believed(folder / name, kind, keys)]
    return max(found, key=lambda kept: kept.started_at, default=None)


def _believed(path: Path, kind: DrillKind, keys: Mapping[str, PublicKey]) -> Iterator[KeptReport]:
    with path.open("rb") as file:
        envelope = file.read(MAX_ENVELOPE_BYTES + 1)
    try:
        unsealed = unseal(envelope, TYPES[kind], keys)
        facts = cast("dict[str, Any]", strict_json(unsealed.payload, what="The report"))
        started_at = from_rfc3339(facts["started_at"])
    except (EngineError, KeyError):
        return
    yield KeptReport(kind, path.name, started_at, facts.get("ok") is True, min(unsealed.kids), facts)
