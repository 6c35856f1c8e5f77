"""Work beside the work: large files are hashed and written while the next piece is compressed or decompressed.

    beside = Beside()
    beside.do(digest.update, chunk)     # returns at once, or when too much waits
    beside.wait()                       # everything is done, or raises what went wrong first

Compression, SHA3 and the system calls that write all let other threads run meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

BEHIND: Final = 4
"""How many acts may wait; the pieces they work on are what this costs in memory."""


class Beside:
    """One thread that does one act after the other, in the order in which they were given to it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._waiting: deque[Future[None]] = deque()
        self._failed: BaseException | None = None

    def do(self, act: Callable[[bytes], None], piece: bytes) -> None:
        """Have something done with a piece. Raises what an act before it raised; nothing is done after that."""
        while len(self._waiting) >= BEHIND:
            self._next()
        if self._failed is not None:
            raise self._failed
        self._waiting.append(self._thread.submit(self._unless_failed, act, piece))

    def wait(self) -> None:
        """Return when everything is done. Raises what the first act that went wrong raised."""
        while self._waiting:
            self._next()
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Return when nothing more is done, and let the thread end."""
        self._thread.shutdown(cancel_futures=True)

    def _next(self) -> None:
        self._waiting.popleft().result()

    def _unless_failed(self, act: Callable[[bytes], None], piece: bytes) -> None:
        if self._failed is None:
            try:
                act(piece)
            except BaseException as error:
                self._failed = error
                raise
