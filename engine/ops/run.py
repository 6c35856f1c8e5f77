"""The one way into an operation: every surface calls `run`, and nothing else does what `run` does.

Here live refusal (read-only mode), the dry run, and the audit of intent and outcome. Confirmation belongs to the
surface; authority over a rollout belongs to the rollout room, because the HTTP API must refuse the same things.

Every attempt to change something leaves an intent and exactly one outcome in the audit trail. An intent without an
outcome means that the process died, or lost its store, in between. Where the operation recorded its own outcome
together with the change it made, that is the one; else it is recorded here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from typing import Any, Final

from engine.context import EngineContext
from engine.errors import Conflict, EngineError, Held, InvalidInput, NotFound, Refused, Unavailable
from engine.ops.spec import Danger, Operation

REFUSALS: Final = (InvalidInput, Refused, Held, NotFound, Conflict)
"""Answers that the operation gave on purpose; whatever else it raises is a failure."""

NEGATIVE: Final = "ops.answer_no"
"""The code of what was carried out and answered no: a drill that failed is no drill that was passed."""


def run(op: Operation, ctx: EngineContext, /, *, dry_run: bool = False, **arguments: Any) -> Any:
    """Run an operation on behalf of the context's actor.

    Args:
        op: What to do.
        ctx: Who asks, and with what.
        dry_run: Do everything, keep nothing.
        arguments: The operation's own parameters, by name.

    Returns:
        What the operation returns; an iterator of events where it streams, which does nothing before it is iterated.

    Raises:
        Held: The console is read-only and the operation would change something.
        EngineError: What the operation raises.
        Unavailable: The registry cannot record the attempt, so the operation was not begun; or its outcome, and then
            the message says that it was carried out.
    """
    if op.danger is Danger.READ:
        return op.function(ctx, **arguments)
    if ctx.read_only:
        raise Held(
            "ops.read_only",
            f"{op.id} would change something, and this console is read-only",
            "Start capctl without --read-only to make changes.",
        )
    if op.streams:
        return (_rehearsed_events if dry_run else _audited_events)(op, ctx, arguments)
    if dry_run and op.rehearses:
        # No rehearsal of the registry around it: that would keep this process from rolling back while SAP is asked.
        with replace(ctx, rehearsing=True) as rehearsing:
            return op.function(rehearsing, **arguments)
    if op.records_elsewhere:
        return op.function(ctx, **arguments)
    if dry_run:
        with ctx.store.rehearsal():
            return op.function(ctx, **arguments)
    attempt = _Attempt(op, ctx, arguments)
    result = attempt.carry_out(op.function, ctx, **arguments)
    attempt.succeed(NEGATIVE if getattr(result, "answer", "yes") == "no" else "")
    return result


def _rehearsed_events(op: Operation, ctx: EngineContext, arguments: dict[str, Any]) -> Iterator[Any]:
    with ctx.store.rehearsal():
        yield from op.function(ctx, **arguments)


def _audited_events(op: Operation, ctx: EngineContext, arguments: dict[str, Any]) -> Iterator[Any]:
    attempt = _Attempt(op, ctx, arguments)
    events = attempt.carry_out(lambda: iter(op.function(ctx, **arguments)))
    exhausted = object()
    try:
        while (event := attempt.carry_out(next, events, exhausted)) is not exhausted:
            yield event
    except GeneratorExit:
        attempt.fail("ops.abandoned")
        raise
    attempt.succeed()


class _Attempt:
    """One attempt at an operation: its intent is recorded when it is made, its outcome when it is known.

    Raises:
        Unavailable: The intent cannot be recorded.
    """

    def __init__(self, op: Operation, ctx: EngineContext, arguments: dict[str, Any]) -> None:
        from engine.audit import current_intent

        self._op = op
        self._ctx = ctx
        self._actor = ctx.store.pseudonym(ctx.actor)
        self._object = _known_policy(op, ctx, arguments)
        self._intent = self._record("intent")
        # A context of its own: a streaming operation must not leave its intent behind between two events.
        self._inside = copy_context()
        self._inside.run(current_intent.set, self._intent)

    def carry_out(self, step: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run a step of the operation; record what ends it early."""
        try:
            return self._inside.run(step, *args, **kwargs)
        except EngineError as error:
            self.fail(error.code, refused=isinstance(error, REFUSALS))
            raise
        except BaseException as error:
            self.fail("ops.interrupted" if isinstance(error, KeyboardInterrupt) else "ops.unexpected")
            raise

    def succeed(self, code: str = "") -> None:
        """Record that it was done, unless the operation has; with a code where its answer was no.

        Raises:
            Unavailable: It was done, and that cannot be recorded.
        """
        try:
            if not self._is_recorded("done"):
                self._record("done", code)
        except Unavailable as error:
            # The registry speaks of its own change, the record, and would say that nothing was kept.
            raise Unavailable(
                "ops.outcome_not_recorded",
                f"{self._op.id} was carried out, but the audit trail cannot tell its outcome: {error.message}",
                "Look at what stands before doing it again (capctl status); the trail holds the intent.",
            ) from error

    def fail(self, code: str, *, refused: bool = False) -> None:
        """Record why it was not done, unless it was, and only telling of it failed."""
        # What ended the operation matters more to the caller than a registry that cannot be written at this moment;
        # the intent without an outcome tells an auditor that something is missing.
        with suppress(EngineError):
            if not self._is_recorded("done"):
                self._record("refused" if refused else "failed", code)

    def _record(self, outcome: str, code: str = "") -> int:
        from engine.audit import AuditEvent

        intent = None if outcome == "intent" else self._intent
        event = AuditEvent(self._op.id, outcome, self._actor, object=self._object, code=code, intent=intent)
        return self._ctx.store.append_audit(event, at=self._ctx.clock.now()).seq

    def _is_recorded(self, outcome: str) -> bool:
        since = self._ctx.store.audit_head().seq - self._intent
        events = (record.event for record in self._ctx.store.audit_tail(limit=since))
        return any(
            (event.intent, event.action, event.outcome) == (self._intent, self._op.id, outcome) for event in events
        )


def _known_policy(op: Operation, ctx: EngineContext, arguments: dict[str, Any]) -> str:
    """The policy an operation is about. Only one that the registry knows: the audit trail holds nobody's free text."""
    if not any(param.name == "policy" for param in op.params):
        return ""
    from engine.ops.target import policy_id

    # Naming it is a service to the auditor; that it cannot be named must not keep anybody from rolling back.
    with suppress(EngineError):
        target, store = policy_id(ctx, arguments.get("policy")), ctx.store
        known = {entry.policy_id for entry in store.policies()} | {state.policy_id for state in store.rollouts()}
        return target if target in known else ""
    return ""
