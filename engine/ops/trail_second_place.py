"""What the second place says about the trail, cheaply: its newest checkpoint against what the registry remembers.

The signature of that one is checked; that the lines are what was signed is for `capctl audit verify` to find out.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from engine.audit import read_record
from engine.errors import EngineError, InvalidInput, Refused
from engine.ops.results.audit_look import SecondPlace
from engine.ops.trail_documents import newest_checkpoint

if TYPE_CHECKING:
    from engine.audit import Checkpoint
    from engine.context import EngineContext
    from engine.ports import AuditState


HINT: Final = "capctl audit verify finds out where they part."


def second_place(ctx: EngineContext, state: AuditState) -> SecondPlace:
    """Compare the second place with what the registry knows of its trail.

    Args:
        ctx: Where both are.
        state: What the registry knows; taken before this.
    """
    if not state.head.seq:
        return SecondPlace(0, None, None, None)
    covered = 0
    problem: EngineError | None
    try:
        checkpoint = newest_checkpoint(ctx).checkpoint
        covered = checkpoint.size
        problem = _difference(ctx, checkpoint, state)
    except EngineError as error:
        problem = _gone() if state.checkpoint and error.code == "audit.no_checkpoint" else error
    return SecondPlace(covered, _moment(ctx, covered) if covered else None, _moment(ctx, covered + 1), problem)


def _difference(ctx: EngineContext, checkpoint: Checkpoint, state: AuditState) -> EngineError | None:
    if checkpoint.origin != state.origin:
        return Refused("audit.foreign", "The second place holds the checkpoints of another registry", HINT)
    if checkpoint.size < state.covered.size:
        return _gone()
    if checkpoint.size == state.covered.size and checkpoint.root != state.covered.root():
        return Refused("audit.differs", "The second place holds another trail than the registry remembers", HINT)
    # Records may have been added, and signed, since the registry was asked.
    if checkpoint.size > state.head.seq and checkpoint.size > (end := ctx.store.audit_head().seq):
        missing = checkpoint.size - end
        return Refused("audit.cut_off", f"{missing:,} signed records are missing at the end of the trail", HINT)
    return None


def _gone() -> Refused:
    return Refused("audit.checkpoints_gone", "Checkpoints that were made are gone from the second place", HINT)


def _moment(ctx: EngineContext, number: int) -> datetime | None:
    """When a record was made; None where there is no such record, or it cannot be read."""
    stored = next(ctx.store.audit_numbered(after=number - 1), None)
    if stored is not None and stored[0] == number:
        with suppress(InvalidInput):
            return read_record(stored[1]).at
    return None
