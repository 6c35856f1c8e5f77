"""The plan of a cutover as the registry keeps it: read, changed by one step, and committed with its audit record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.audit import AuditEvent
from engine.canonical import canonical_json, strict_json
from engine.cutover.plan import Evening, Phase, roll_back
from engine.errors import Conflict, NotFound
from engine.ports import StoredCutover

if TYPE_CHECKING:
    from engine.context import EngineContext

ATTEMPTS: Final = 20
"""How often the end of an evening is tried against whoever works on it; each failure means that they got one on."""


def read_evening(stored: StoredCutover) -> Evening:
    """The plan. Raises InvalidInput where another release wrote it."""
    document = strict_json(stored.document, what="the plan of the cutover")
    return Evening.from_json(document if isinstance(document, dict) else {})


def latest(ctx: EngineContext) -> Evening | None:
    """The environment's latest evening; None before the first. Raises InvalidInput, Unavailable."""
    stored = ctx.store.cutover(ctx.env)
    return read_evening(stored) if stored else None


def require_stored(ctx: EngineContext) -> StoredCutover:
    """The environment's latest plan. Raises NotFound before the first."""
    stored = ctx.store.cutover(ctx.env)
    if stored is None:
        raise NotFound("cutover.none", f"There is no cutover of {ctx.env}", "Begin one: capctl cutover run.")
    return stored


def commit(ctx: EngineContext, evening: Evening, revision: int, what: str) -> int:
    """Keep the plan with its audit record; return its revision. Raises Conflict where somebody else went on."""
    event = AuditEvent("cutover.step", "done", ctx.store.pseudonym(ctx.actor), object=f"{evening.id}/{what}")
    stored = StoredCutover(ctx.env, revision + 1, canonical_json(evening.to_json()))
    ctx.store.commit_cutover(stored, expected_revision=revision, audit=event, at=ctx.clock.now())
    return revision + 1


def end_rolled_back(ctx: EngineContext) -> bool:
    """End the open evening because everything was taken back, whoever works on it; whether there was one.

    Whoever works on it loses the lease with it, and stops.

    Raises:
        Conflict: They got on with it faster than it could be ended.
    """
    for attempt in range(ATTEMPTS):
        stored = require_stored(ctx)
        evening = read_evening(stored)
        if evening.phase is not Phase.OPEN:
            return False
        try:
            commit(ctx, roll_back(evening), stored.revision, "rollback")
            break
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
    lease = ctx.store.cutover_lease(ctx.env)
    if lease is not None:
        ctx.store.release_cutover_lease(lease)
    return True
