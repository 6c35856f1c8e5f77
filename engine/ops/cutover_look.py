"""A look at the cutover that is cheap enough to be taken again and again: it reads, and makes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.cutover.plan import shortened
from engine.cutover.steps import step_ids
from engine.ops.evening import canary_of, percents_of, show
from engine.ops.results.audit import ShownRecord
from engine.ops.results.cutover import CutoverLook
from engine.ops.target import policy_id

if TYPE_CHECKING:
    from engine.context import EngineContext

SEARCHED: Final = 400
"""Audit records that are searched. A whole evening leaves fewer, and a look must not read a trail of years."""


def look(ctx: EngineContext, *, records: int) -> CutoverLook:
    """Look at the environment's cutover, and at what was lately done to it.

    Args:
        ctx: Whose cutover.
        records: How many audit records at most.

    Raises:
        InvalidInput: The plan was written by another release.
        Unavailable: The registry cannot be read.
    """
    planned = step_ids(percents_of(ctx, policy_id(ctx, None)))
    return CutoverLook(show(ctx), planned, _history(ctx, records), shortened(canary_of(ctx, "")))


def _history(ctx: EngineContext, records: int) -> tuple[ShownRecord, ...]:
    own = [each for each in ctx.store.audit_tail(limit=SEARCHED) if each.event.action.startswith("cutover.")]
    return tuple(ShownRecord(each, ctx.store.actor_name(each.event.actor), None) for each in own[:records])
