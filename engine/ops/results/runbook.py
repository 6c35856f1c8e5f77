"""What `capctl runbook` answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Runbook:
    """One runbook."""

    name: str
    text: str
    """Markdown."""

    @property
    def title(self) -> str:
        """What it is about, from its first heading: `rollback`."""
        return self.text.partition("\n")[0].removeprefix("# ").removeprefix("Runbook: ")

    @property
    def lead(self) -> str:
        """Its first paragraph: when it is for; without emphasis, on one line."""
        paragraph = self.text.partition("\n\n")[2].partition("\n\n")[0]
        return " ".join(paragraph.replace("**", "").split())


@dataclass(frozen=True, slots=True)
class Runbooks:
    """Every runbook, and which one was asked for."""

    runbooks: tuple[Runbook, ...]
    chosen: str = ""
    """Its name; empty where none was."""

    @property
    def shown(self) -> Runbook | None:
        """The one that was asked for."""
        return next((runbook for runbook in self.runbooks if runbook.name == self.chosen), None)

    def to_json(self) -> dict[str, Any]:
        """The runbook that was asked for, else the list of all, as JSON data."""
        if self.shown:
            return {"name": self.shown.name, "title": self.shown.title, "text": self.shown.text}
        return {"runbooks": [{"name": each.name, "title": each.title, "lead": each.lead} for each in self.runbooks]}
