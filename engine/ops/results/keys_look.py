"""What a screen about keys looks at: the keyring, one purpose's rotation, and what was done to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import EngineError
from engine.ops.results.audit import ShownRecord
from engine.ops.results.keys import KeyList, RotationStatus


@dataclass(frozen=True, slots=True)
class KeysLook:
    """Keys and rotations at one moment."""

    keys: KeyList
    phases: Mapping[str, str]
    """The phase of each purpose whose key can be rotated; empty where it has no key yet."""
    purpose: str
    """Which rotation `rotation` is about."""
    rotation: RotationStatus | None
    """None where it cannot be told."""
    problem: EngineError | None
    """Why it cannot be told; None where it can."""
    waits_s: float
    """How long a rotation of this key waits at the least, for callers to take up what is new and to forget the old."""
    history: tuple[ShownRecord, ...]
    """The latest audit records about keys, newest first."""
