"""A real registry with keys under a screen, the clock in hand, for the tests of what is about trust."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from capctl.tui.app import ControlRoom
from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import furnish
from engine.ops import keyring
from engine.ports import ReplicaKeys
from engine.settings import Settings
from tests.tui import scenes


class World:
    """A registry with keys, an operator, a verifier that reports, and the clock they share.

    Args:
        folder: Where its state directory lies.
        now: What the clock shows at first.
        settings: What differs from the defaults, by name.
    """

    def __init__(self, folder: Path, *, now: datetime = scenes.NOW, **settings: Any) -> None:
        numbers = iter(range(1, 100_000))
        self.settings = replace(Settings(env="demo", state_dir=folder / "state", poll_interval_s=5.0), **settings)
        self.clock = ManualClock(now)
        self._opened: list[EngineContext] = []

        def opened() -> EngineContext:
            ctx = open_context(
                self.settings,
                actor="oncall",
                clock=self.clock,
                random_bytes=lambda count: next(numbers).to_bytes(count, "big"),
            )
            self._opened.append(ctx)
            return ctx

        self.ctx = opened()
        furnish(self.ctx)
        keyring.initialise(self.ctx, None)

    def advance(self, app: ControlRoom, seconds: float) -> None:
        """Let time pass, and the screen look again."""
        self.clock.advance(seconds)
        app.look_again()

    def wait(self, app: ControlRoom, seconds: float) -> None:
        """Let time pass; the verifier says that it has caught up, and the screen looks again."""
        self.clock.advance(seconds)
        version = self.ctx.store.keyring_version()
        self.ctx.store.report_keys(ReplicaKeys("verifier-1", version, self.clock.now()))
        app.look_again()

    def phase(self, purpose: str = "response") -> str:
        """What the engine says."""
        return keyring.status(self.ctx, purpose).phase

    def close(self) -> None:
        """Close what was opened."""
        for ctx in self._opened:
            ctx.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One for each test."""
    made = World(tmp_path)
    yield made
    made.close()


async def settled(pilot: Pilot[None]) -> None:
    """Let messages arrive that were caused by messages."""
    for _ in range(8):
        await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        await pilot.press(key)
        await settled(pilot)
