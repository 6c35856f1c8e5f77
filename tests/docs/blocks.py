"""The commands of a document: what stands in its fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"

_FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def commands(document: Path, *kinds: str) -> Iterator[str]:
    """The lines of a document's blocks of these kinds: `sh` is meant to be run as it stands, `text` is not."""
    for kind, block in _FENCE.findall(document.read_text()):
        if kind in kinds:
            yield from (line.strip() for line in block.splitlines() if line.strip())
