"""What the commands about reference sets answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from engine.clock import to_rfc3339
from engine.ports import ReferenceSetEntry


@dataclass(frozen=True, slots=True)
class ListedSet:
    """A set in a list of sets."""

    root: str
    name: str
    count: int
    imported_at: datetime | None
    """None: shipped with capctl, not imported here."""

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON data."""
        return {
            "root": self.root,
            "name": self.name,
            "count": self.count,
            "imported_at": to_rfc3339(self.imported_at) if self.imported_at else None,
        }


@dataclass(frozen=True, slots=True)
class ListOfLists:
    """Every set that a context can name."""

    lists: tuple[ListedSet, ...]

    def to_json(self) -> dict[str, Any]:
        """The list as JSON data."""
        return {"lists": [entry.to_json() for entry in self.lists]}


@dataclass(frozen=True, slots=True)
class ImportedList:
    """A set that was imported."""

    entry: ReferenceSetEntry
    duplicates: int
    """Lines of the file that repeated a member."""

    def to_json(self) -> dict[str, Any]:
        """The import as JSON data."""
        return {
            "root": self.entry.root,
            "name": self.entry.name,
            "count": self.entry.count,
            "duplicates": self.duplicates,
            "imported_at": to_rfc3339(self.entry.imported_at),
        }


@dataclass(frozen=True, slots=True)
class ShownList:
    """A set, and whether something is on it."""

    entry: ListedSet
    is_member: bool | None
    """None when nothing was asked."""

    @property
    def answer(self) -> Literal["yes", "no"]:
        """No when something was asked and is not on the list."""
        return "no" if self.is_member is False else "yes"

    def to_json(self) -> dict[str, Any]:
        """The set as JSON data."""
        asked = {} if self.is_member is None else {"is_member": self.is_member}
        return {**self.entry.to_json(), **asked}
