"""One look at the pilot: everything the console's Pilot screen shows, taken at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.ops.results.audit import ShownRecord
from engine.ops.results.pilot import PilotStatus


@dataclass(frozen=True, slots=True)
class SupplierRow:
    """One supplier's verdict, and how far its row is. Known by its keyed hash only."""

    supplier: str
    status: str
    """`OK`, `WARN`, `FAIL`."""
    state: str
    """Of its row in SAP: pending, sent, unknown, differs, confirmed."""
    rules: tuple[tuple[str, str], ...]
    """Rules that did not hold, each with its reason."""


@dataclass(frozen=True, slots=True)
class BegunRun:
    """A run that was interrupted before its first row was entered for writing."""

    run_id: str
    is_pulled: bool
    """Whether every supplier was pulled; else going on pulls anew."""
    portions: int
    verified: int
    """Portions that are verified."""


@dataclass(frozen=True, slots=True)
class PilotLook:
    """What is known about the pilot at one moment. Immutable."""

    system: str
    """The SAP system that is meant; empty where none is named."""
    problem: str
    """Why it cannot be meant: its address is misspelt. Empty when it can."""
    status: PilotStatus
    facts: Mapping[str, Any]
    """What the chosen run is about: hashes and ids that the audit trail ties together."""
    rows: tuple[SupplierRow, ...]
    """A part of the chosen run's suppliers, the worst first."""
    offset: int
    """How many suppliers stand before them."""
    matching: int
    """How many there are in all, of the status that was asked for."""
    begun: tuple[BegunRun, ...]
    """Runs that stopped early, by id."""
    resumable: str
    """The run that `pilot run` would go on with; empty where a new one begins."""
    trail: tuple[ShownRecord, ...]
    """The latest records of the audit trail about pilot runs, newest first."""
