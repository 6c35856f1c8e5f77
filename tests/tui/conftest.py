"""What every screen test needs: one way to open a room, take its sample, and see what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from capctl.tui.app import ControlRoom
from capctl.tui.poller import Poller
from engine.rollout.snapshot import ControlSnapshot
from tests.tui import scenes

Opened = AbstractAsyncContextManager[tuple[ControlRoom, Pilot[None]]]


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The poller takes a sample when it starts and when it is hurried, on the test's own thread, and never waits."""
    monkeypatch.setattr(Poller, "start", Poller.take)
    monkeypatch.setattr(Poller, "hurry", Poller.take)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


@pytest.fixture
def opened() -> Callable[..., Opened]:
    """Open a room on a scene and let it settle."""

    @asynccontextmanager
    async def open_room(
        sample: Callable[[], ControlSnapshot], *, size: tuple[int, int] = (80, 24), **options: Any
    ) -> AsyncIterator[tuple[ControlRoom, Pilot[None]]]:
        app = scenes.room(sample, options.pop("ctx", None), **options)
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            yield app, pilot

    return open_room


def text_of(app: ControlRoom) -> str:
    """Everything on the screen, as text."""
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def toasts(app: ControlRoom) -> list[str]:
    """What the toasts say."""
    return [f"{note.title} {note.message}" for note in app._notifications]
