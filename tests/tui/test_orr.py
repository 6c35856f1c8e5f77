"""The ORR screen as somebody meets it who has never reviewed anything: on a real registry, with the clock in hand."""

from __future__ import annotations

from collections.abc import Callable

from tests.tui import scenes
from tests.tui.conftest import Opened, text_of
from tests.tui.trust_world import World, press, world

__all__ = ["world"]

Open = Callable[..., Opened]


async def test_a_review_that_nobody_has_begun(opened: Open, world: World) -> None:
    """It says so, and which key asks the probes."""
    async with opened(scenes.hold, ctx=world.ctx) as (app, pilot):
        await press(pilot, "4")
        assert "·  NOT SIGNED" in text_of(app)
        assert "g asks" in text_of(app)
