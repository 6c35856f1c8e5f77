"""Reading the audit trail for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from engine.audit import AuditRecord, read_record
from engine.clock import from_rfc3339
from engine.errors import EngineError, InvalidInput, Unavailable
from engine.ids import hash_bytes
from engine.ops.results.audit import ShownRecord, Trail

if TYPE_CHECKING:
    from engine.context import EngineContext


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted."""

    action: str = ""
    """An operation's id, or its first word for the whole group; empty: any."""
    actor: str = ""
    """A name or a pseudonym; empty: anybody."""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """That moment itself is too late."""

    @classmethod
    def of(cls, action: str, actor: str, outcome: str, since: str, until: str) -> Self:
        """A filter as it was typed. Raises InvalidInput for a time that is none."""
        return cls(
            action,
            actor,
            outcome,
            from_rfc3339(since) if since else None,
            from_rfc3339(until) if until else None,
        )


def read_trail(ctx: EngineContext, wanted: Filter, limit: int) -> Trail:
    """The latest records that are wanted.

    Args:
        ctx: Names and reasons are looked up in its registry.
        wanted: Which ones.
        limit: At most so many; 0 for all.

    Raises:
        InvalidInput: The limit is negative.
        Unavailable: A line is no record.
    """
    if limit < 0:
        raise InvalidInput("audit.limit", f"A limit of {limit} means nothing", "Give a number above 0, or 0 for all.")
    names = _Names(ctx)
    found = _matching(ctx.store.audit_lines_back(), wanted, names)
    records = list(islice(found, limit + 1 if limit else None))
    shown = records[:limit] if limit else records
    reasons = _reasons(ctx, shown)
    return Trail(
        tuple(ShownRecord(record, names[record.event.actor], reasons.get(record.event.reason)) for record in shown),
        size=ctx.store.audit_head().seq,
        is_cut=len(records) > len(shown),
    )


class _Names(dict[str, str]):
    """Names by pseudonym, each looked up once."""

    def __init__(self, ctx: EngineContext) -> None:
        super().__init__()
        self._store = ctx.store

    def __missing__(self, pseudonym: str) -> str:
        self[pseudonym] = name = self._store.actor_name(pseudonym)
        return name


def _matching(lines: Iterable[bytes], wanted: Filter, names: _Names) -> Iterator[AuditRecord]:
    for line in lines:
        # Only what is shown is read strictly: looking through a million lines should take seconds.
        fields = _glance(line)
        if fields is None or _matches(fields, wanted, names):
            record = _read(line)
            if _is_in_time(record.at, wanted):
                yield record


def _glance(line: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _read(line: bytes) -> AuditRecord:
    try:
        return read_record(line)
    except InvalidInput as error:
        raise Unavailable(error.code, "A line of the audit trail is no record", error.hint) from error


def _matches(fields: dict[str, Any], wanted: Filter, names: _Names) -> bool:
    action, actor = str(fields.get("action")), str(fields.get("actor"))
    return (
        (not wanted.action or action == wanted.action or action.startswith(wanted.action + "."))
        and (not wanted.outcome or fields.get("outcome") == wanted.outcome)
        and (not wanted.actor or wanted.actor in (actor, names[actor]))
    )


def _is_in_time(at: datetime, wanted: Filter) -> bool:
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)


def _reasons(ctx: EngineContext, records: Iterable[AuditRecord]) -> dict[str, str]:
    """The reasons behind hashes, as far as the rollouts' histories tell them."""
    reasons = {"": ""}
    oldest: dict[str, int] = {}
    for record in records:
        event = record.event
        if event.reason and event.object and event.revision is not None:
            oldest[event.object] = min(event.revision, oldest.get(event.object, event.revision))
    for policy_id, revision in oldest.items():
        # The trail of a registry that is damaged elsewhere is what an auditor wants to see most.
        with suppress(EngineError):
            reasons |= _given(ctx, policy_id, revision)
    return reasons


def _given(ctx: EngineContext, policy_id: str, since_revision: int) -> dict[str, str]:
    """The reasons that were given for a rollout's changes, by their hash."""
    current = ctx.store.rollout(policy_id)
    count = current.revision - since_revision + 1 if current else 0
    changes = ctx.store.rollout_history(policy_id, limit=count) if count > 0 else ()
    return {hash_bytes(change.state.reason.encode()): change.state.reason for change in changes}
