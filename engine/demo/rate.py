"""How much traffic the demonstration makes: a small file in its state directory, so that any process may set it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import InvalidInput

DEFAULT_RATE: Final = 200.0
MAX_RATE: Final = 2000.0
_RATE_FILE = "traffic-rate.json"
_REPORT_FILE = "traffic-report.json"


@dataclass(frozen=True, slots=True)
class TrafficReport:
    """What the generator achieved in its last second."""

    target_per_s: float
    sent_per_s: float
    answered_per_s: float
    failed: int
    """Requests since it started that were answered with an error, or not at all."""
    missed: int
    """Requests since it started that were due and not sent, because too many were waiting for an answer."""


def check_rate(rate: object) -> float:
    """A rate in requests per second, 0..2000.

    Raises:
        InvalidInput: It is none.
    """
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not math.isfinite(rate):
        raise InvalidInput("demo.rate", "The rate is not a number", f"Give 0 to {MAX_RATE:g} requests per second.")
    if not 0 <= rate <= MAX_RATE:
        raise InvalidInput(
            "demo.rate", f"A rate of {rate:g} is not within 0..{MAX_RATE:g}", f"Give 0 to {MAX_RATE:g} requests/s."
        )
    return float(rate)


def write_rate(state_dir: Path, rate: float) -> None:
    """Set the rate of the demonstration in `state_dir`; a running generator follows within a quarter second.

    Raises:
        InvalidInput: The rate is none.
    """
    _write(state_dir / _RATE_FILE, {"rate": check_rate(rate)})


def read_rate(state_dir: Path) -> float:
    """The rate that is set, else the default."""
    document = _read(state_dir / _RATE_FILE)
    try:
        return check_rate(document["rate"])
    except (InvalidInput, KeyError):
        return DEFAULT_RATE


def write_report(state_dir: Path, report: TrafficReport) -> None:
    """Leave the generator's report where anybody can read it."""
    _write(state_dir / _REPORT_FILE, asdict(report))


def read_report(state_dir: Path) -> TrafficReport | None:
    """The generator's last report; None when there is none."""
    try:
        return TrafficReport(**_read(state_dir / _REPORT_FILE))
    except TypeError:
        return None


def forget_report(state_dir: Path) -> None:
    """Drop the report of a generator that is gone."""
    (state_dir / _REPORT_FILE).unlink(missing_ok=True)


def _write(path: Path, document: dict[str, Any]) -> None:
    # Renamed into place: a reader sees the old file or the new one.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document), "utf-8")
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
