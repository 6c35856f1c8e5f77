"""What a screen about the audit trail looks at: a window of it, how far that reaches, and what speaks for the whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.errors import EngineError
from engine.ops.results.audit import ShownRecord

Link = Literal["fits", "broken", "end"]
"""Whether a line and its neighbour belong together; `end` where it has none."""


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A stored line."""

    number: int
    """Under which it is stored; in a sound trail its sequence number."""
    digest: str
    """Hash of the line."""
    shown: ShownRecord | None
    """None where the line is no record: somebody altered it."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What one line is tied to."""

    number: int
    """Of the line."""
    before: Link
    """Whether it names the hash of the line before."""
    after: Link
    """Whether the line after names its hash."""
    partner: ShownRecord | None
    """The intent that it came of; for an intent, the outcome. None where there is none near it."""


@dataclass(frozen=True, slots=True)
class SecondPlace:
    """What the checkpoints that are kept outside the registry say, without reading the trail."""

    covered: int
    """Records in the newest one."""
    covered_at: datetime | None
    """When the last of them was recorded."""
    waiting_since: datetime | None
    """When the first record was made that is in none; None where all are."""
    problem: EngineError | None
    """Why it does not speak for the trail; None where it does."""


@dataclass(frozen=True, slots=True)
class AuditLook:
    """A window of the trail at one moment."""

    lines: tuple[SeenLine, ...]
    """Those that are wanted, newest first."""
    size: int
    """Records in the whole trail."""
    newest: int
    """The window reaches up to this number; 0 for the very end."""
    oldest: int
    """The window reaches down to this number; 0 for the very beginning."""
    second_place: SecondPlace
    ties: Ties | None
    """Of the line that was asked about."""
