"""One person works on a cutover at a time, and the others see who: a lease with a heartbeat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from engine.errors import Conflict, EngineError
from engine.ports import CutoverLease

if TYPE_CHECKING:
    from engine.context import EngineContext

BEAT_S: Final = 1.0
STALE_S: Final = 8.0
"""A lease whose beat stood still for so long belongs to nobody."""
LOOK_S: Final = 0.25


class HeldLease:
    """A lease that this process holds, and the thread that keeps it."""

    def __init__(self, ctx: EngineContext, lease: CutoverLease) -> None:
        self._ctx = ctx
        self._lease = lease
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._beat, name="cutover-lease", daemon=True)
        self._thread.start()

    def at(self, step: str) -> None:
        """Say which step is being worked on.

        Raises:
            Conflict: Somebody else has taken over.
        """
        now = self._ctx.clock.now()
        self._renew(step=step, since=now)
        if self._lost:
            raise Conflict("cutover.taken_over", "Somebody else has taken over", "See capctl cutover status.")

    def end(self) -> None:
        """Give it back."""
        self._ended.set()
        self._thread.join()
        with suppress(EngineError):
            self._ctx.store.release_cutover_lease(self._lease)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            # A registry that cannot be written for a moment costs a beat; who waits is patient for eight.
            with suppress(EngineError):
                self._renew()

    def _renew(self, **changes: object) -> None:
        with self._lock:
            beat = self._lease.beat + 1
            self._lease = replace(self._lease, beat=beat, at=self._ctx.clock.now(), **changes)  # type: ignore[arg-type]
            self._lost = not self._ctx.store.renew_cutover_lease(self._lease)


@contextmanager
def held_lease(ctx: EngineContext, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[HeldLease]:
    """Hold the lease of the environment's cutover; take it from a holder that no longer beats.

    Args:
        ctx: Who works, and where.
        sleep: Waits between two looks at another holder.

    Raises:
        Conflict: Somebody else works on it; the message says who, at what and since when.
    """
    now = ctx.clock.now()
    holder = ctx.random_bytes(8).hex()
    wanted = CutoverLease(ctx.env, holder, ctx.store.pseudonym(ctx.actor), "starting", now, 0, now)
    other = ctx.store.cutover_lease(ctx.env)
    if other is not None:
        _await_silence(ctx, other, sleep)
    if not ctx.store.take_cutover_lease(wanted, instead_of=other):
        raise occupied(ctx, ctx.store.cutover_lease(ctx.env) or wanted)
    lease = HeldLease(ctx, wanted)
    try:
        yield lease
    finally:
        lease.end()


def occupied(ctx: EngineContext, lease: CutoverLease) -> Conflict:
    """The error for a cutover on which somebody else works."""
    since_s = max(0.0, (ctx.clock.now() - lease.since).total_seconds())
    who = ctx.store.actor_name(lease.actor)
    return Conflict(
        "cutover.occupied",
        f"{who} is running step {lease.step} since {since_s:.0f} s",
        "Watch it: capctl cutover status. It can be resumed once they have stopped.",
    )


def _await_silence(ctx: EngineContext, other: CutoverLease, sleep: Callable[[float], None]) -> None:
    """Return once the holder's beat has stood still for long enough. Raises Conflict as soon as it beats."""
    gives_up = ctx.clock.monotonic() + STALE_S
    while ctx.clock.monotonic() < gives_up:
        sleep(LOOK_S)
        now = ctx.store.cutover_lease(ctx.env)
        if now is None:
            return
        if (now.holder, now.beat) != (other.holder, other.beat):
            raise occupied(ctx, now)
