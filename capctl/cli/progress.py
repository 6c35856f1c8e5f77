"""How far a long operation is, on stderr: a bar where somebody watches, and everywhere what its tools print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from capctl.cli.diagnostics import narrate
from engine.context import Progress, ignore_progress
from engine.errors import printable


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A sink for progress: a bar on a terminal, which appears with the first event; elsewhere only tools' output."""
    if quiet:
        yield ignore_progress
        return
    if not sys.stderr.isatty():
        yield _tell_output
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


def _tell_output(progress: Progress) -> None:
    if progress.output:
        narrate(printable(progress.output))


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

        bar = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        columns = (*bar, TextColumn("{task.fields[message]}", markup=False))
        display = RichProgress(*columns, console=Console(stderr=True), transient=True)
        display.start()
        self._close = display.stop
        task = display.add_task("", total=None, message="")

        def show(progress: Progress) -> None:
            if progress.output:
                display.console.print(printable(progress.output), markup=False, highlight=False, soft_wrap=True)
                return
            message = printable(progress.message)
            display.update(
                task, description=progress.step, completed=progress.done, total=progress.total, message=message
            )

        return show
