"""The control room in a pseudo-terminal: first paint, and key to repaint while every sample changes every number."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Final, Self

from engine.drift.counts import Counts
from engine.rollout.snapshot import ControlSnapshot

KEYS: Final = 60
STARTS: Final = 5
SIZES: Final = ((80, 24), (160, 45))
PATIENCE_S: Final = 20.0
RIGHT, LEFT = b"\x1b[C", b"\x1b[D"
FIRST: Final = b"Locked above"
"""Words that stand on the screen once data do."""


def busy() -> Callable[[], ControlSnapshot]:
    """A source at 2,000 decisions a second: no two samples have the same numbers."""
    from tests.tui import scenes

    numbers = count(1)

    def sample() -> ControlSnapshot:
        n = next(numbers) * 1000
        counts = Counts(requests=n * 4, enforced=n, over_block=n // 900, aa_samples=n // 16)
        windows = {"5m": counts, "15m": counts, "60m": counts}
        return replace(scenes.hold(), step=counts, windows=windows, requests_per_s=2000.0 + n % 7)

    return sample


def console() -> None:
    """What the child process runs: the room on the busy source, sampled twice a second."""
    from capctl.tui.app import ControlRoom
    from engine.clock import SystemClock
    from tests.tui import scenes

    ctx = replace(scenes.context(), clock=SystemClock())
    ControlRoom(replace(ctx, settings=replace(ctx.settings, poll_interval_s=0.5)), sample=busy()).run()


class Terminal:
    """A pseudo-terminal with the console in it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.began = time.perf_counter()
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(sys.executable, [sys.executable, "-c", "from tests.bench.tui import console; console()"])
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._master)

    def until(self, words: bytes) -> float:
        """Read until the console has painted some words, and return the moment.

        Raises:
            TimeoutError: They never come.
        """
        seen, deadline = b"", time.perf_counter() + PATIENCE_S
        while words not in seen:
            if not select.select([self._master], [], [], max(0.0, deadline - time.perf_counter()))[0]:
                raise TimeoutError(f"{words!r} was not painted")
            seen += os.read(self._master, 65536)
        return time.perf_counter()

    def repaint_ms(self, key: bytes, words: bytes) -> float:
        """Milliseconds from a key to the words that it brings onto the screen."""
        began = time.perf_counter()
        os.write(self._master, key)
        return (self.until(words) - began) * 1000


def _first_paint_ms() -> float:
    with Terminal(80, 24) as terminal:
        return (terminal.until(FIRST) - terminal.began) * 1000


def _repaints_ms(columns: int, rows: int) -> list[float]:
    with Terminal(columns, rows) as terminal:
        terminal.until(FIRST)
        times = []
        for _ in range(KEYS // 2):
            times.append(terminal.repaint_ms(RIGHT, b"Enter asks"))
            times.append(terminal.repaint_ms(LEFT, b"waits for"))
        return sorted(times)


def run() -> str:
    """Measure, and return a table."""
    paint = statistics.median(_first_paint_ms() for _ in range(STARTS))
    lines = [
        f"From the start of the process to the first screen with data, 80x24: {paint:.0f} ms (goal 1500).",
        "",
        "| size | key to repaint, median ms (goal 50) | p95 ms |",
        "| --- | ---: | ---: |",
    ]
    for columns, rows in SIZES:
        times = _repaints_ms(columns, rows)
        median, p95 = statistics.median(times), times[int(0.95 * len(times))]
        lines.append(f"| {columns}x{rows} | {median:.1f} | {p95:.1f} |")
    return "\n".join(lines)
