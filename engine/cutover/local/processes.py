"""Processes that outlive whoever started them, told apart from strangers that got the same number later.

A process id is used again; together with the moment at which the process began it is not.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ENDS_WITHIN_S: Final = 10.0
_LOOK_S: Final = 0.02
_START_TIME: Final = 22
"""Number of the field `starttime` in /proc/PID/stat, counted from 1 (proc(5))."""


@dataclass(frozen=True, slots=True)
class ProcessRef:
    """One process, for good."""

    pid: int
    started: str
    """When it began, as the system counts it."""

    @classmethod
    def of(cls, pid: int) -> ProcessRef | None:
        """The process of that number that runs now; None where there is none."""
        started = _started(pid)
        return None if started is None else cls(pid, started)

    @classmethod
    def from_json(cls, data: Any) -> ProcessRef | None:
        """A process as it was written down; None where nothing of the kind was."""
        try:
            return cls(int(data["pid"]), str(data["started"]))
        except (TypeError, KeyError, ValueError):
            return None

    @property
    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return _started(self.pid) == self.started

    def end(self, *, within_s: float = ENDS_WITHIN_S, sleep: Callable[[float], None] = time.sleep) -> None:
        """Ask it to end, and kill it when it does not within the time. Does nothing where it is gone."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if _started(self.pid) != self.started:
                return
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)
            for _ in range(max(1, round(within_s / _LOOK_S))):
                if _started(self.pid) != self.started:
                    return
                sleep(_LOOK_S)

    def to_json(self) -> dict[str, Any]:
        """The process as JSON data."""
        return {"pid": self.pid, "started": self.started}


def _started(pid: int) -> str | None:
    """When a process began; None where none of that number runs. One that has ended and waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return _started_by_ps(pid)
    # The command's name stands in parentheses and may hold anything, spaces and parentheses too.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[_START_TIME - 3]


def _started_by_ps(pid: int) -> str | None:
    """The same where there is no /proc."""
    if Path("/proc/self/stat").exists():
        return None
    import subprocess

    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a number is all that varies
    return done.stdout.strip() or None
