"""How far a long operation is, on stderr, and only where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.context import Progress, ignore_progress


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A sink for progress: a bar on a terminal, nothing elsewhere. The bar appears with the first event."""
    if quiet or not sys.stderr.isatty():
        yield ignore_progress
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    """Rich's progress bar, imported when there is something to show."""

    def __init__(self) -> None:
        self._close: Callable[[], None] = lambda: None
        self._show: Callable[[Progress], None] | None = None

    def __call__(self, progress: Progress) -> None:
        if self._show is None:
            self._show = self._start()
        self._show(progress)

    def close(self) -> None:
        self._close()

    def _start(self) -> Callable[[Progress], None]:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        display = RichProgress(*columns, console=Console(stderr=True), transient=True)
        display.start()
        self._close = display.stop
        task = display.add_task("", total=None)

        def show(progress: Progress) -> None:
            display.update(task, description=progress.step, completed=progress.done, total=progress.total)

        return show
