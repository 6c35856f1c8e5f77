"""Draws docs/images/overview.svg: `python -m tests.tui.screenshot > docs/images/overview.svg`."""

from __future__ import annotations

import asyncio
import sys

from tests.tui import scenes


async def draw() -> str:
    """The main screen at the moment when the gate has closed and the operator has to decide."""
    app = scenes.room(scenes.closed)
    async with app.run_test(size=(120, 36)) as pilot:
        while app.state.snapshot is None:
            await pilot.pause()
        await pilot.pause()
        return app.export_screenshot(title="capctl")


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(draw()))
