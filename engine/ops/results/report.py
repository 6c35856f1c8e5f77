"""What `capctl report` answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.report.record import Record


@dataclass(frozen=True, slots=True)
class Report:
    """The record of a cutover, and the document that tells it."""

    record: Record
    document: bytes

    def to_json(self) -> dict[str, Any]:
        """The record as JSON data, whatever the document's format."""
        return self.record.to_json()
