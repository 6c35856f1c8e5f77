"""Is what was recorded signed and kept in the second place? Asked by `status` and `doctor`, so it must be cheap.

It compares sizes and looks at no signature: `capctl audit verify` does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.context import EngineContext

LATE: Final = timedelta(minutes=2)
"""A record is in a checkpoint after a minute; after two, whoever makes them does not."""


def coverage_problem(ctx: EngineContext) -> str:
    """What is wrong with the checkpoints of the audit trail, in one sentence; empty when all is well."""
    try:
        return _problem(ctx)
    except EngineError as error:
        return f"audit: {error.message}"


def _problem(ctx: EngineContext) -> str:
    from engine.audit import read_checkpoint, read_record
    from engine.trust.checkpoint_file import CheckpointFile
    from engine.trust.notes import unverified_text

    state = ctx.store.audit_state()
    if not state.head.seq:
        return ""
    last = CheckpointFile(ctx.settings.checkpoint_path).last()
    checkpoint = read_checkpoint(unverified_text(last)) if last else None
    covered = checkpoint.size if checkpoint else 0
    if checkpoint is not None and checkpoint.origin != state.origin:
        return "audit: the checkpoints are those of another registry"
    if covered < state.covered.size:
        return "audit: checkpoints that were made are missing from checkpoint_dir"
    if covered > state.head.seq and covered > ctx.store.audit_head().seq:
        return f"audit: {covered - state.head.seq} records that were signed are missing at the end of the trail"
    waiting = next(ctx.store.audit_lines(after=covered), None)
    if waiting is None or ctx.clock.now() - read_record(waiting).at < LATE:
        return ""
    return f"audit: {state.head.seq - covered} records are in no checkpoint; see 'capctl audit checkpoint'"
