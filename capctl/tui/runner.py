"""Runs operations beside the screen: each on a thread and a store connection of its own.

A hanging operation therefore never stands in the way of the next one, which may be the rollback. One that is asked to
stop ends as Ctrl-C would end it in a shell: with KeyboardInterrupt, at the next moment at which it tells how far it is,
waits, or yields an event.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

from capctl.tui.messages import (
    Call,
    OperationDone,
    OperationFailed,
    OperationProgressed,
    OperationStarted,
    OperationYielded,
)
from capctl.tui.poller import Mailbox, unexpected
from engine.context import EngineContext, Progress
from engine.errors import EngineError, Held
from engine.ops.files import write_atomically
from engine.ops.run import run

Spawn = Callable[[Callable[[], None]], None]
"""Runs a function somewhere else, soon."""


def spawn_thread(job: Callable[[], None]) -> None:
    """Run a job on a daemon thread: a job that hangs cannot keep the console from closing."""
    threading.Thread(target=job, name="capctl-operation", daemon=True).start()


class Stop:
    """Whether a run is to end. It is told once: what the run does to end in order is not interrupted again."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._is_told = False

    def ask(self) -> None:
        """Have it end."""
        self._asked.set()

    def check(self) -> None:
        """Raise KeyboardInterrupt once it is to end."""
        if self._asked.is_set() and not self._is_told:
            self._is_told = True
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until it is to end."""
        if self._is_told:
            time.sleep(seconds)
            return
        self._asked.wait(seconds)
        self.check()


class Runner:
    """Sends operations through `engine.ops.run` and reports what comes of them.

    Args:
        ctx: On whose behalf; copied for each run, so that each has its own store connection.
        mailbox: Receives `OperationStarted`, then `OperationProgressed` where an operation tells how far it is and
            `OperationYielded` where it yields events, and at the end `OperationDone` or `OperationFailed`.
        spawn: Where operations run.
    """

    def __init__(self, ctx: EngineContext, mailbox: Mailbox, *, spawn: Spawn = spawn_thread) -> None:
        self._ctx = ctx
        self._mailbox = mailbox
        self._spawn = spawn
        self._numbers = count(1)
        self._stops: dict[int, Stop] = {}

    def submit(self, call: Call, *, passphrase: str | None = None) -> int:
        """Start an operation and return the number of this run.

        Args:
            call: What to run.
            passphrase: Of the key that it signs with, where somebody has typed it. It stands in no message.
        """
        number = next(self._numbers)
        self._stops[number] = Stop()
        self._mailbox.post_message(OperationStarted(number, call))
        self._spawn(lambda: self._execute(number, call, passphrase))
        return number

    def stop(self, number: int) -> None:
        """Ask a run to end; nothing where it has."""
        if asked := self._stops.get(number):
            asked.ask()

    def _execute(self, number: int, call: Call, passphrase: str | None) -> None:
        try:
            result = self._run_once(number, call, passphrase)
        except EngineError as error:
            self._mailbox.post_message(OperationFailed(number, call, error))
        except KeyboardInterrupt:
            self._mailbox.post_message(OperationFailed(number, call, _stopped(call)))
        except Exception as error:
            self._mailbox.post_message(OperationFailed(number, call, unexpected(error)))
        else:
            self._mailbox.post_message(OperationDone(number, call, result))
        finally:
            self._stops.pop(number, None)

    def _run_once(self, number: int, call: Call, passphrase: str | None) -> object:
        stop = self._stops[number]

        def tell(progress: Progress) -> None:
            stop.check()
            self._mailbox.post_message(OperationProgressed(number, progress))

        ctx = replace(self._ctx, emit=tell, sleep=stop.sleep, ask_passphrase=lambda _: passphrase)
        try:
            rehearsal = {"dry_run": True} if call.dry_run else {}
            result = run(call.op, ctx, **rehearsal, **call.arguments)
            if isinstance(result, Iterator):
                result = self._follow(number, result)
            if call.document_file:
                write_atomically(call.document_file, result.document)
            return result
        finally:
            if "store" in vars(ctx):
                ctx.store.close()

    def _follow(self, number: int, events: Iterator[object]) -> object:
        """Pass events on, and return the last one."""
        last: object = None
        for last in events:
            self._stops[number].check()
            self._mailbox.post_message(OperationYielded(number, last))
        return last


def _stopped(call: Call) -> EngineError:
    name = " ".join(call.op.command)
    return Held("console.stopped", f"{name} was stopped from here", "It can be begun again at any time.")
