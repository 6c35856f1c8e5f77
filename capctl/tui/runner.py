"""Runs operations beside the screen: each on a thread and a store connection of its own.

A hanging operation therefore never stands in the way of the next one, which may be the rollback.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

from capctl.tui.messages import Call, OperationDone, OperationFailed, OperationProgressed, OperationStarted
from capctl.tui.poller import Mailbox, unexpected
from engine.context import EngineContext, Progress
from engine.errors import EngineError, InvalidInput
from engine.ops.files import write_atomically
from engine.ops.run import run

Spawn = Callable[[Callable[[], None]], None]
"""Runs a function somewhere else, soon."""


def spawn_thread(job: Callable[[], None]) -> None:
    """Run a job on a daemon thread: a job that hangs cannot keep the console from closing."""
    threading.Thread(target=job, name="capctl-operation", daemon=True).start()


class Runner:
    """Sends operations through `engine.ops.run` and reports what comes of them.

    Args:
        ctx: On whose behalf; copied for each run, so that each has its own store connection.
        mailbox: Receives `OperationStarted`, then `OperationProgressed` where an operation tells how far it is, and at
            the end `OperationDone` or `OperationFailed`.
        spawn: Where operations run.
    """

    def __init__(self, ctx: EngineContext, mailbox: Mailbox, *, spawn: Spawn = spawn_thread) -> None:
        self._ctx = ctx
        self._mailbox = mailbox
        self._spawn = spawn
        self._numbers = count(1)

    def submit(self, call: Call) -> int:
        """Start an operation and return the number of this run."""
        number = next(self._numbers)
        self._mailbox.post_message(OperationStarted(number, call))
        self._spawn(lambda: self._execute(number, call))
        return number

    def _execute(self, number: int, call: Call) -> None:
        try:
            result = _run_once(replace(self._ctx, emit=lambda told: self._tell(number, told)), call)
        except EngineError as error:
            self._mailbox.post_message(OperationFailed(number, call, error))
        except Exception as error:
            self._mailbox.post_message(OperationFailed(number, call, unexpected(error)))
        else:
            self._mailbox.post_message(OperationDone(number, call, result))

    def _tell(self, number: int, progress: Progress) -> None:
        self._mailbox.post_message(OperationProgressed(number, progress))


def _run_once(ctx: EngineContext, call: Call) -> object:
    try:
        rehearsal = {"dry_run": True} if call.dry_run else {}
        result = run(call.op, ctx, **rehearsal, **call.arguments)
        if isinstance(result, Iterator):
            raise InvalidInput(
                "console.stream",
                f"{' '.join(call.op.command)} goes on and on",
                "Run it in a shell; the screen itself watches.",
            )
        if call.document_file:
            write_atomically(call.document_file, result.document)
        return result
    finally:
        if "store" in vars(ctx):
            ctx.store.close()
