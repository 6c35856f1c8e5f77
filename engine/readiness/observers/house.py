"""What the installation knows of itself: settings, documents, the registry and its audit trail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from engine.audit import AuditRecord, read_record
from engine.clock import Clock, to_rfc3339
from engine.errors import Unavailable
from engine.ports import AuditLog
from engine.readiness.probing import Observed, Observer
from engine.settings import Settings

LARGEST_DOCUMENT: Final = 4 * 2**20


def setting_observer(settings: Settings) -> Observer:
    """Sees a setting of the environment. Settings hold no secrets: those lie in files and variables of their own."""

    def observe(arguments: Mapping[str, Any]) -> Observed:
        value = getattr(settings, arguments["name"])
        told = str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        # Where things lie on this machine is nobody's business elsewhere.
        spoken = "set" if isinstance(value, Path) else json.dumps(told)
        return Observed([told], f"{arguments['name']} is {spoken if told else 'not set'}")

    return observe


def file_observer(root: Path) -> Observer:
    """Sees the documents of a project.

    Args:
        root: Its directory.
    """

    def observe(arguments: Mapping[str, Any]) -> Observed:
        name = arguments["path"]
        try:
            with (root / name).open("rb") as file:
                text = file.read(LARGEST_DOCUMENT).decode()
        except FileNotFoundError:
            return Observed([], f"there is no {name}")
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(
                "orr.unreadable", f"{name} cannot be read", "It must be text that you may read."
            ) from error
        return Observed([text], f"{name}, {len(text.splitlines())} lines")

    return observe


def trail_observer(trail: AuditLog, clock: Clock) -> Observer:
    """Sees when something was last done, and its answer not no, by the audit trail."""

    def observe(arguments: Mapping[str, Any]) -> Observed:
        action, days = arguments["action"], arguments["within_days"]
        last = _last_done(_records(trail), action, since=clock.now() - timedelta(days=days))
        if last is None:
            return Observed([], f"no {action} within {days} days")
        return Observed([last.seq], f"{action} at {to_rfc3339(last.at)}, record {last.seq}")

    return observe


def registry_observer(facts: Mapping[str, Callable[[], Sequence[str]]]) -> Observer:
    """Sees whether something about the registry is as it should be.

    Args:
        facts: By name: finds what is wrong, a sentence each.
    """

    def observe(arguments: Mapping[str, Any]) -> Observed:
        problems = facts[arguments["fact"]]()
        return Observed([len(problems)], problems[0] if problems else "nothing is wrong")

    return observe


def _records(trail: AuditLog) -> Iterator[AuditRecord]:
    return map(read_record, trail.audit_lines_back())


def _last_done(records: Iterator[AuditRecord], action: str, *, since: datetime) -> AuditRecord | None:
    for record in records:
        if record.at < since:
            return None
        event = record.event
        if (event.action, event.outcome, event.code) == (action, "done", ""):  # a code says that its answer was no
            return record
    return None
