"""The thread in which a verifier talks to its store, so that the event loop never waits for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class StoreThread:
    """Runs one thing after the other in a thread of its own."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, action: Callable[[], _T]) -> _T:
        """Run `action` in the thread and wait for it without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, action)

    async def repeat(self, action: Callable[[], None], *, every_s: float) -> None:
        """Run `action` over and over, pausing `every_s` seconds in between, until cancelled."""
        while True:
            await self.run(action)
            await asyncio.sleep(every_s)

    def close(self) -> None:
        """Finish what is under way and end the thread."""
        self._executor.shutdown(wait=True)
