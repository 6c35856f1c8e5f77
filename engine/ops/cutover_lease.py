"""One person works on a cutover at a time, and the others see who: a lease with a heartbeat.

The holder adds one to its beat every second. Whoever wants to take over watches the beat stand still for `STALE_S`,
by their own clock; the clocks of two machines are never compared. A holder that could not beat for half of that looks
whether the lease is still its own before it does anything else, so that one that was suspended, or cut off from the
registry, changes nothing more after somebody else has taken over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from engine.context import EngineContext, Progress
from engine.errors import Conflict, EngineError
from engine.ports import CutoverLease

if TYPE_CHECKING:
    from engine.ports import Store

BEAT_S: Final = 1.0
STALE_S: Final = 8.0
"""A lease whose beat stood still for so long belongs to nobody."""
DOUBTFUL_S: Final = STALE_S / 2
"""A holder that has not beaten for so long does not rely on its lease before it has."""
LOOK_S: Final = 0.25


class HeldLease:
    """A lease that this process holds, and the thread that keeps it."""

    def __init__(self, ctx: EngineContext, lease: CutoverLease) -> None:
        self._ctx = ctx
        self._lease = lease
        self._beaten_s = ctx.clock.monotonic()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._beat, name="cutover-lease", daemon=True)
        self._thread.start()

    def at(self, step: str) -> None:
        """Say which step is being worked on.

        Raises:
            Conflict: Somebody else has taken over, or ended the cutover.
        """
        self._renew(step=step, since=self._ctx.clock.now())
        self.require()

    def require(self) -> None:
        """Go on only while it is held.

        Raises:
            Conflict: Somebody else has taken over, or ended the cutover.
            Unavailable: It was not renewed for long, and the registry does not say whose it is.
        """
        if not self._is_lost and self._is_doubtful():
            self._renew()
        if self._is_lost:
            raise _lost(self._ctx)

    def end(self) -> None:
        """Give it back."""
        self._ended.set()
        self._thread.join()
        with suppress(EngineError):
            self._ctx.store.release_cutover_lease(self._lease)

    def _is_doubtful(self) -> bool:
        # A suspended machine may have stopped its monotonic clock as well; the wall clock may be set to anything.
        clock = self._ctx.clock
        wall_s = abs((clock.now() - self._lease.at).total_seconds())
        return max(clock.monotonic() - self._beaten_s, wall_s) > DOUBTFUL_S

    def _beat(self) -> None:
        while not self._is_lost and not self._ended.wait(BEAT_S):
            # A registry that cannot be written for a moment costs a beat; who waits is patient for eight.
            with suppress(EngineError):
                self._renew()

    def _renew(self, **changes: Any) -> None:
        with self._lock:
            clock = self._ctx.clock
            lease = replace(self._lease, beat=self._lease.beat + 1, at=clock.now(), **changes)
            self._is_lost = not self._ctx.store.renew_cutover_lease(lease)
            self._lease, self._beaten_s = lease, clock.monotonic()


class _FencedStore:
    """The registry, for as long as a lease is held: whoever has lost it can neither read nor write another thing."""

    def __init__(self, store: Store, require: Callable[[], None]) -> None:
        self._store = store
        self._require = require

    def __getattr__(self, name: str) -> Any:
        self._require()
        return getattr(self._store, name)


def fenced(ctx: EngineContext, lease: HeldLease) -> EngineContext:
    """The same environment for a step of the plan, which ends where the lease is lost.

    Every use of the registry and every word of progress asks for the lease first, and raises what `require` raises.
    Nothing is changed without the registry, where each attempt is recorded before it is begun.
    """

    def emit(progress: Progress) -> None:
        lease.require()
        ctx.emit(progress)

    store = cast("Store", _FencedStore(ctx.store, lease.require))
    return replace(ctx, open_store=lambda: store, emit=emit)


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


def _lost(ctx: EngineContext) -> Conflict:
    other = ctx.store.cutover_lease(ctx.env)
    who = ctx.store.actor_name(other.actor) if other else "Somebody else"
    return Conflict("cutover.taken_over", f"{who} has taken over", "Watch it: capctl cutover status.")


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
