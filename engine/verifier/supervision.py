"""Child processes that never outlive their parent, and come back when they die.

A child holds the read end of a pipe as its stdin and ends when it closes; the kernel closes the other end however the
parent goes, kill -9 included. Each child has a thread that waits for it, so a death is noticed at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from engine.clock import Clock

FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 5.0
STABLE_S: Final = 10.0
"""A child that ran for so long starts with the first back-off again."""
STOP_S: Final = 8.0
"""Longest wait for a child to end in order before it is killed; the verifier drains for up to five seconds."""


class Child(threading.Thread):
    """One supervised process.

    Args:
        name: For its log file, `NAME.log`.
        command: Makes its command line, anew for each start.
        log_dir: Where what it writes to stderr goes; None: where this process writes its own.
        clock: Times how long it ran.
        on_line: Gets the first line it writes to stdout, each time it starts; None when it writes none.
        environ: Variables it gets beside the inherited ones.
        inherited: Which variables it inherits; None: those of this process.
        pass_fds: Descriptors it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        *,
        log_dir: Path | None,
        clock: Clock,
        on_line: Callable[[str], None] | None = None,
        environ: Mapping[str, str] | None = None,
        inherited: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        super().__init__(name=f"supervise-{name}", daemon=True)
        self.label = name
        self._command = command
        self._log = log_dir / f"{name}.log" if log_dir else None
        self._clock = clock
        self._on_line = on_line
        self._environ = {**(os.environ if inherited is None else inherited), **(environ or {})}
        self._pass_fds = tuple(pass_fds)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        """How often it came back."""

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def run(self) -> None:
        """Start the process again and again, until stopped."""
        backoff_s = FIRST_BACKOFF_S
        while not self._stopping.is_set():
            started = self._clock.monotonic()
            self._run_once()
            if self._clock.monotonic() - started >= STABLE_S:
                backoff_s = FIRST_BACKOFF_S
            if self._stopping.wait(backoff_s):
                return
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)
            self.restarts += 1

    def stop(self) -> None:
        """End the process in order, or kill it when it takes too long. Returns when it is gone."""
        self._stopping.set()
        if not self.is_alive():
            return
        with self._lock:
            process = self._process
        if process is not None:
            _end(process)
        self.join()

    def _run_once(self) -> None:
        with self._lock, self._log.open("ab") if self._log else nullcontext() as log:
            if self._stopping.is_set():
                return
            # A session of its own: Ctrl-C in the terminal is for the console, which then ends its children in order.
            self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                list(self._command()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=self._environ,
                pass_fds=self._pass_fds,
            )
        with process:
            stdout = process.stdout
            assert stdout is not None
            line = stdout.readline()
            if line and self._on_line is not None:
                self._on_line(line.decode())
            _discard(stdout)


class Announced:
    """The URL that a verifier announces when it is ready; a restarted one keeps the port."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self.url = ""

    @property
    def port(self) -> int:
        """Of the URL; 0 before it is known."""
        return urlsplit(self.url).port or 0

    def note(self, line: str) -> None:
        """Take the announcement."""
        self.url = str(json.loads(line)["url"])
        self._ready.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it was announced within the time."""
        return self._ready.wait(timeout_s)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours in this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _discard(stream: IO[bytes]) -> None:
    """Read to the end, so that the child never blocks on a full pipe."""
    while stream.read(4096):
        pass
