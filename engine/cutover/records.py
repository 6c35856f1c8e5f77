"""What smoke tests, canary watches and load tests have shown, kept for the report: the newest few of each kind."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from engine.errors import Unavailable

Kind: TypeAlias = Literal["smoke", "canary", "load"]

KEPT: Final = 20
"""Of each kind."""
FOLDER: Final = "cutover"


def keep_record(state_dir: Path, kind: Kind, document: bytes, *, at: datetime) -> Path:
    """Keep a record under its kind and time, and let go of the oldest.

    Args:
        state_dir: Of the environment.
        kind: What it is a record of.
        document: Canonical JSON.
        at: When it began.

    Raises:
        Unavailable: It cannot be written.
    """
    folder = state_dir / FOLDER
    path = folder / f"{kind}-{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}.json"
    draft = folder / f".{path.name}.{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(document)
        draft.replace(path)
        for old in _paths(state_dir, kind)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(
            "cutover.record", f"The record of the {kind} cannot be kept: {error.strerror}", "Free space; see --out."
        ) from error
    return path


def read_records(state_dir: Path, kind: Kind) -> list[dict[str, Any]]:
    """The records of a kind, oldest first. One that is damaged is left out."""
    found = []
    for path in _paths(state_dir, kind):
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(document, dict):
            found.append(document)
    return found


def _paths(state_dir: Path, kind: Kind) -> list[Path]:
    """By age: the name sorts as the time does."""
    return sorted((state_dir / FOLDER).glob(f"{kind}-*.json"))
