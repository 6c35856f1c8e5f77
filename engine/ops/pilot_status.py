"""How far pilot runs are, from the outbox."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from engine.ops.pilot_system import open_outbox, outbox_path
from engine.ops.results.pilot import PilotSnapshot, PilotStatus, RuleCount, RunSummary

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.sap.outbox import Outbox, Run


def pilot_status(ctx: EngineContext, run_id: str | None) -> PilotStatus:
    """A run in full, and the latest runs; see `engine.ops.pilot.status`.

    Raises:
        NotFound: No run of that id was begun here.
    """
    if not run_id and not outbox_path(ctx).exists():
        return PilotStatus(None, ())  # whoever only looks leaves nothing behind
    with closing(open_outbox(ctx)) as outbox:
        runs = outbox.runs()
        chosen = outbox.run(run_id) if run_id else next(iter(runs), None)
        snapshot = snapshot_of(outbox, chosen) if chosen else None
        return PilotStatus(snapshot, tuple(RunSummary(run.run_id, run.started_at, _stage(run)) for run in runs))


def snapshot_of(outbox: Outbox, run: Run) -> PilotSnapshot:
    """One run at this moment."""
    counts = outbox.counts(run.run_id)
    verdicts = outbox.verdicts(run.run_id)
    return PilotSnapshot(
        run_id=run.run_id,
        started_at=run.started_at,
        stage=_stage(run),
        total=sum(counts.values()),
        states={state.value: count for state, count in counts.items()},
        verdicts={name.lower(): verdicts.get(name, 0) for name in ("OK", "WARN", "FAIL")},
        violations=tuple(RuleCount(*row) for row in outbox.violations(run.run_id)),
        faults=outbox.faults(run.run_id),
        proven_at=run.proven_at,
        evidence=run.evidence,
    )


def _stage(run: Run) -> str:
    return "proven" if run.proven_at else "writing"
