"""Programs of others that are run here: found, asked, and followed line by line until they end or are asked to end.

A program never sees our terminal's signals: whoever runs it decides, asks it to end (SIGTERM) and waits, because helm
writes down what became of a release before it goes. Killed outright, it leaves the release pending.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from engine.errors import NotFound, Unavailable

QUERY_TIMEOUT_S: Final = 30.0
"""Longest that a question to a tool may take; a cluster that does not answer by then is not there."""
GRACE_S: Final = 30.0
"""How long a program that was asked to end may take to write down what it did."""
LOOK_S: Final = 0.1
"""Longest that the end of a silent program goes unnoticed."""

OnLine = Callable[[str, bool], None]
"""Hears each line, and whether it came on stderr."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program said."""

    exit_code: int
    """Negative: the signal that ended it."""
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the environment it is run in. Every call raises `NotFound` where it is not installed."""

    name: str
    path: str
    """Its path, or a name that is looked for on the PATH of `environ`."""
    environ: Mapping[str, str]

    def ask(self, arguments: Sequence[str], *, stdin: str = "") -> Completed:
        """Run it to its end.

        Raises:
            Unavailable: It cannot be run, or does not end in time.
        """
        try:
            done = subprocess.run(  # noqa: S603 - a program that the operator configured, without a shell
                [self.path, *arguments],
                env=dict(self.environ),
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=QUERY_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            hint = "Look whether the cluster can be reached from here."
            raise Unavailable(
                "deploy.no_answer", f"{self.name} had no answer in {QUERY_TIMEOUT_S:g} s", hint
            ) from error
        except OSError as error:
            raise self._broken(error) from error
        return Completed(done.returncode, done.stdout, done.stderr)

    def follow(
        self, arguments: Sequence[str], *, on_line: OnLine, on_idle: Callable[[], None], keep: Sequence[int] = ()
    ) -> int:
        """Run it to its end, and hear what it says while it says it.

        Args:
            arguments: Of the command line.
            on_line: Hears every line.
            on_idle: Called again and again while the program runs.
            keep: File descriptors it inherits.

        Returns:
            Its exit code; negative for the signal that ended it.

        Raises:
            Unavailable: It cannot be run.
            KeyboardInterrupt: Or whatever `on_line` or `on_idle` raise: passed on, once the program has ended.
        """
        with _interruptible():
            try:
                process = subprocess.Popen(  # noqa: S603 - a program that the operator configured, without a shell
                    [self.path, *arguments],
                    env=dict(self.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                    pass_fds=tuple(keep),
                )
            except OSError as error:
                raise self._broken(error) from error
            with process:
                try:
                    for line, is_error in _lines(process, on_idle):
                        on_line(line, is_error)
                    return process.wait()
                except BaseException:
                    _end(process)
                    raise

    def _broken(self, error: OSError) -> Unavailable:
        if isinstance(error, FileNotFoundError):
            hint = f"Install {self.name}, or say where it is: CAPCTL_{self.name.upper()}=/path/to/{self.name}."
            return NotFound("deploy.no_tool", f"{self.name} is not installed: there is no {self.path!r}", hint)
        reason = (error.strerror or "it cannot be started").lower()
        return Unavailable("deploy.tool_broken", f"{self.name} cannot be run: {reason}", "Install it again.")


def _lines(process: subprocess.Popen[bytes], on_idle: Callable[[], None]) -> Iterator[tuple[str, bool]]:
    """Each line of a program as it comes, and whether it came on stderr."""
    assert process.stdout
    assert process.stderr
    rest: dict[IO[bytes], bytes] = {process.stdout: b"", process.stderr: b""}
    with selectors.DefaultSelector() as selector:
        for pipe in rest:
            selector.register(pipe, selectors.EVENT_READ, pipe)
        while selector.get_map():
            for key, _ in selector.select(LOOK_S):
                stream: IO[bytes] = key.data
                chunk = os.read(stream.fileno(), 65536)
                if not chunk:
                    selector.unregister(stream)
                *lines, rest[stream] = (rest[stream] + (chunk or b"\n" * bool(rest[stream]))).split(b"\n")
                for line in lines:
                    yield line.decode("utf-8", "replace").rstrip("\r"), stream is process.stderr
            on_idle()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program to end, and wait; only one that does not is killed."""
    process.terminate()
    try:
        process.communicate(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Being asked to end (SIGTERM, as pipelines do) is an interruption like Ctrl-C, and not a sudden death."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
