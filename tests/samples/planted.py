"""Secrets and personal data to plant before whatever prints, logs, draws or hands something out: of nobody at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

SUPPLIERS: Final = (
    *(f"Zzyzx Geheimrat {n} KG" for n in range(12)),
    *(f"73{n:02d}048265" for n in range(12)),
    *(f"DE9937040044053299{n:02d}00" for n in range(12)),
    *(f"einkauf{n}@zzyzx.invalid" for n in range(12)),
)
SECRETS: Final = {
    "CAPCTL_KEY_PASSPHRASE": "planted-passphrase-0xA1",
    "CAPCTL_TOKEN": "planted-token-0xA2",
    "TOKEN": "planted-token-0xA3",
    "CAPCTL_METRICS_TOKEN": "planted-token-0xA4",
    "SAP_USER": "PLANTEDUSERA5",
    "SAP_PASSWORD": "planted-password-0xA6",
}
PASTED: Final = (
    "AGE-SECRET-KEY-1PLANTEDA7",
    "-----BEGIN PRIVATE KEY-----PLANTEDA8",
    "planted-pin-0xA9",
    "planted-keyfile-0xB1",
)
PEOPLE: Final = ("planted-oncall", "planted-second")
REASON: Final = "planted-reason \x1b[31m\x07"
NEVER: Final = (*SUPPLIERS, *SECRETS.values(), *PASTED)
"""What no command has a reason to print."""
NEVER_KEPT: Final = (*NEVER, *PEOPLE, "planted-reason", "planted-evidence", "planted-home")
"""What is in nothing that leaves the machine: the trail, reports and manifests know people by pseudonym."""


def wrong_file(home: Path, kind: str) -> Path:
    """A private file full of what must stay private, given where another file belongs."""
    path = home / f"planted-evidence.{kind}"
    everything = [*NEVER, *PEOPLE]
    texts = {
        "json": json.dumps({"variables": {"notes": everything}, "supplier_hashes": everything}),
        "yaml": "id: [\n" + "\n".join(everything),
        "txt": "\n".join(everything),
    }
    path.write_text(texts[kind], "utf-8")
    path.chmod(0o600)
    return path


def leaks(text: str, planted: tuple[str, ...] = NEVER) -> list[str]:
    """Which of the planted values stand in a text."""
    return [value for value in planted if value in text]
