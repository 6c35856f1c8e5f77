"""Which runbook fits what is on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FITTING: Final[Mapping[str, str]] = {
    "rollout": "rollout",
    "pilot": "incident",
    "deploy": "rollback",
    "orr": "rollout",
    "keys": "rotation",
    "audit": "incident",
    "cutover": "rollout",
    "recovery": "restore",
}
"""By the screen's name."""

STEPS: Final[Mapping[str, str]] = {
    "deploy": "rollback",
    "smoke": "auth_mtls",
    "canary": "rollback",
    "pilot": "incident",
    "drills": "restore",
}
"""By the step of a cutover; the others have that of their screen."""
