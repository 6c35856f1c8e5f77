"""What pollers sample: for the console the same reading operation as `capctl status`, for a screen what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from capctl.tui.messages import ReadingFailed, ReadingTaken
from capctl.tui.poller import Mailbox, Poller
from engine.context import EngineContext
from engine.rollout.snapshot import ControlSnapshot

if TYPE_CHECKING:
    from capctl.tui.screens.console import ConsoleScreen

Sample = TypeVar("Sample")


def sampler(ctx: EngineContext) -> Callable[[], ControlSnapshot]:
    """A function that takes one snapshot of the rollout."""
    return own_sampler(ctx, _control_snapshot)


def own_sampler(ctx: EngineContext, take: Callable[[EngineContext], Sample]) -> Callable[[], Sample]:
    """A function that takes one sample, on a store connection of its own.

    The connection is opened by the thread that samples first and stays open; after an error it is opened anew, so that
    a store that comes back is found again.

    Args:
        ctx: On whose behalf.
        take: Takes the sample.
    """
    own = replace(ctx)

    def sample() -> Sample:
        nonlocal own
        try:
            return take(own)
        except Exception:
            own = replace(ctx)
            raise

    return sample


def _control_snapshot(ctx: EngineContext) -> ControlSnapshot:
    from engine.ops.catalogue import REGISTRY
    from engine.ops.run import run

    return cast(ControlSnapshot, run(REGISTRY["status.show"], ctx))


class ScreenPollers:
    """The pollers of the screens that take samples of their own: only the one that is shown samples.

    Args:
        ctx: On whose behalf.
        mailbox: Receives `ReadingTaken` and `ReadingFailed`.
    """

    def __init__(self, ctx: EngineContext, mailbox: Mailbox) -> None:
        self._ctx = ctx
        self._mailbox = mailbox
        self._pollers: dict[str, Poller[Any]] = {}
        self._shown: Poller[Any] | None = None

    def show(self, screen: ConsoleScreen) -> None:
        """Sample for a screen from now on, and for no other."""
        if self._shown:
            self._shown.rest()
        name = screen.ENTRY.name
        self._shown = self._pollers.get(name)
        if self._shown:
            self._shown.resume()
        elif screen.SAMPLED:
            self._shown = self._pollers[name] = Poller(
                own_sampler(self._ctx, screen.take),
                self._mailbox,
                interval_s=screen.INTERVAL_S or self._ctx.settings.poll_interval_s,
                taken=partial(ReadingTaken, name),
                failed=partial(ReadingFailed, name),
            )
            self._shown.start()

    def hurry(self) -> None:
        """Sample for the screen that is shown now rather than after the wait."""
        if self._shown:
            self._shown.hurry()

    def stop(self) -> None:
        """Sample no more."""
        for poller in self._pollers.values():
            poller.stop()
