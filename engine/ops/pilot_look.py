"""One look at the pilot, for the console. It reads what lies on this machine and never asks SAP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.errors import InvalidInput, NotFound
from engine.ops.pilot_runs import begun_run, run_folder
from engine.ops.pilot_status import pilot_status
from engine.ops.pilot_system import named_system, open_outbox, outbox_path
from engine.ops.results.audit import ShownRecord
from engine.ops.results.pilot import PilotStatus
from engine.ops.results.pilot_look import BegunRun, PilotLook, SupplierRow

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.sap.outbox import Entry

TRAIL: Final = 12
"""Records shown at most."""
TRAIL_WINDOW: Final = 400
"""Latest records of the trail that are looked through: a look stays cheap however long the trail is."""
BEGUN: Final = 8
"""Interrupted runs shown at most."""


def look(ctx: EngineContext, run_id: str | None, *, status: str = "", offset: int = 0, limit: int = 100) -> PilotLook:
    """Everything about a run, and what else there is.

    Args:
        ctx: Where.
        run_id: The run; None for the latest.
        status: Only suppliers with this one; empty for all.
        offset: Suppliers to leave out at the beginning.
        limit: Suppliers to return at most.

    Raises:
        Unavailable: The ledger cannot be opened.
    """
    system, problem = _system(ctx)
    try:
        found = pilot_status(ctx, run_id)
    except NotFound:
        found = pilot_status(ctx, None)  # a run that has not entered its rows yet
    rows: tuple[SupplierRow, ...] = ()
    facts: Mapping[str, Any] = {}
    begun = tuple(_begun(ctx, found))
    if outbox_path(ctx).exists():
        with closing(open_outbox(ctx)) as outbox:
            if found.run:
                facts = outbox.run(found.run.run_id).facts
                rows = tuple(map(_row, outbox.page(found.run.run_id, status=status, offset=offset, limit=limit)))
    matching = 0
    if found.run:
        matching = found.run.verdicts.get(status.lower(), 0) if status else found.run.total
    resumable = _resumable(ctx, found, begun)
    return PilotLook(system, problem, found, facts, rows, offset, matching, begun, resumable, tuple(_trail(ctx)))


def _resumable(ctx: EngineContext, found: PilotStatus, begun: tuple[BegunRun, ...]) -> str:
    """A run without its files was begun with `pilot writeback`, which goes on with its own file."""
    if begun:
        return begun[0].run_id
    run = found.run
    return run.run_id if run and not run.proven_at and run_folder(ctx, run.run_id).is_dir() else ""


def _system(ctx: EngineContext) -> tuple[str, str]:
    try:
        return named_system(ctx), ""
    except InvalidInput as error:
        return "", f"{error.message}. {error.hint}"


def _row(entry: Entry) -> SupplierRow:
    rules = json.loads(entry.payload.get("RulesJson") or "[]")
    return SupplierRow(
        entry.pseudonym,
        entry.payload["Status"],
        entry.state.value,
        tuple((rule["rule_id"], rule["reason"]) for rule in rules),
    )


def _begun(ctx: EngineContext, found: PilotStatus) -> Iterator[BegunRun]:
    """Runs that stopped before their rows were entered, the latest first; none older than the latest that has rows."""
    folder = run_folder(ctx, "")
    entered = {run.run_id for run in found.runs}
    latest_s = max((run.started_at.timestamp() for run in found.runs), default=0.0)
    paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    for path in sorted(paths, key=_changed_s, reverse=True)[:BEGUN]:
        if path.name not in entered and _changed_s(path) > latest_s:
            yield begun_run(path)


def _changed_s(path: Path) -> float:
    return path.stat().st_mtime


def _trail(ctx: EngineContext) -> Iterator[ShownRecord]:
    records = (
        record for record in ctx.store.audit_tail(limit=TRAIL_WINDOW) if record.event.action.startswith("pilot.")
    )
    for _, record in zip(range(TRAIL), records, strict=False):
        yield ShownRecord(record, ctx.store.actor_name(record.event.actor), None)
