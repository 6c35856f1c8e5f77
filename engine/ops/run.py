"""The one way into an operation: every surface calls `run`, and nothing else does what `run` does.

Here live refusal (read-only mode), the dry run, and the audit of intent and outcome. Confirmation belongs to the
surface; authority over a rollout belongs to the rollout room, because the HTTP API must refuse the same things.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.audit import AuditEvent
from engine.context import EngineContext
from engine.errors import EngineError, Held
from engine.ops.spec import Danger, Operation


def run(op: Operation, ctx: EngineContext, /, *, dry_run: bool = False, **arguments: Any) -> Any:
    """Run an operation on behalf of the context's actor.

    Args:
        op: What to do.
        ctx: Who asks, and with what.
        dry_run: Do everything, keep nothing.
        arguments: The operation's own parameters, by name.

    Returns:
        What the operation returns; an iterator of events where it streams.

    Raises:
        Held: The console is read-only and the operation would change something.
        EngineError: What the operation raises.
    """
    if op.danger is Danger.READ:
        return op.function(ctx, **arguments)
    if ctx.read_only:
        raise Held(
            "ops.read_only",
            f"{op.id} would change something, and this console is read-only",
            "Start capctl without --read-only to make changes.",
        )
    if dry_run:
        with ctx.store.rehearsal():
            return op.function(ctx, **arguments)
    return _audited(op, ctx, arguments)


def _audited(op: Operation, ctx: EngineContext, arguments: dict[str, Any]) -> Any:
    actor = ctx.store.pseudonym(ctx.actor)
    ctx.store.append_audit(AuditEvent(op.id, "intent", actor), at=ctx.clock.now())
    try:
        result = op.function(ctx, **arguments)
    except EngineError as error:
        outcome = "refused" if isinstance(error, Held) or error.code else "failed"
        ctx.store.append_audit(AuditEvent(op.id, outcome, actor, code=error.code), at=ctx.clock.now())
        raise
    except BaseException:
        ctx.store.append_audit(AuditEvent(op.id, "failed", actor, code="unexpected"), at=ctx.clock.now())
        raise
    return result


def stream(op: Operation, ctx: EngineContext, /, **arguments: Any) -> Iterator[Any]:
    """Run a streaming operation and yield its events. The same rules as `run`."""
    yield from run(op, ctx, **arguments)
