"""One source, one poller: it samples, waits, samples again, and never twice at once.

The next wait begins when the last result has arrived, so a slow source is asked less often instead of more often. The
thread is a daemon: a source that hangs for ever cannot keep the console from closing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from textual.message import Message

from engine.errors import EngineError
from engine.rollout.snapshot import ControlSnapshot

MAX_BACK_OFF: Final = 8
"""The longest wait after failures, in poll intervals."""

Sampler = Callable[[], ControlSnapshot]
Sample = TypeVar("Sample")


class Mailbox(Protocol):
    """Where results go; posting to it is safe from any thread."""

    def post_message(self, message: Message) -> bool:
        """Queue a message."""
        ...


class Poller(Generic[Sample]):
    """Samples a source until it is stopped.

    Args:
        sample: Takes one sample; runs on the poller's own thread.
        mailbox: Receives what came of it.
        interval_s: Pause between a result and the next sample.
        taken: The message that brings a sample.
        failed: The message that says why there is none.
    """

    def __init__(
        self,
        sample: Callable[[], Sample],
        mailbox: Mailbox,
        *,
        interval_s: float,
        taken: Callable[[Sample], Message],
        failed: Callable[[EngineError], Message],
    ) -> None:
        self._sample = sample
        self._mailbox = mailbox
        self._interval_s = interval_s
        self._taken = taken
        self._failed = failed
        self._wake = threading.Event()
        self._stopped = False
        self._resting = False
        self._failures = 0

    def start(self) -> None:
        """Begin to sample, on a thread of its own."""
        threading.Thread(target=self._run, name="capctl-poller", daemon=True).start()

    def stop(self) -> None:
        """Sample no more. Does not wait for a sample under way."""
        self._stopped = True
        self._wake.set()

    def rest(self) -> None:
        """Sample no more until `resume`: nobody looks."""
        self._resting = True

    def resume(self) -> None:
        """Sample again, and now."""
        self._resting = False
        self.hurry()

    def hurry(self) -> None:
        """Sample now rather than after the wait: something has just been changed."""
        self._wake.set()

    @property
    def pause_s(self) -> float:
        """How long the next wait is: the interval, doubled with every failure in a row up to a bound."""
        return self._interval_s * min(1 << self._failures, MAX_BACK_OFF)

    def take(self) -> None:
        """Take one sample and post what came of it."""
        try:
            snapshot = self._sample()
        except EngineError as error:
            self._failures += 1
            self._mailbox.post_message(self._failed(error))
        except Exception as error:
            self._failures += 1
            self._mailbox.post_message(self._failed(unexpected(error)))
        else:
            self._failures = 0
            self._mailbox.post_message(self._taken(snapshot))

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            if self._resting:
                self._wake.wait()
                continue
            self.take()
            self._wake.wait(self.pause_s)


def unexpected(error: Exception) -> EngineError:
    """Say that something unforeseen happened without repeating its text, which may hold anything."""
    return EngineError(
        "console.unexpected",
        f"Something unexpected went wrong ({type(error).__name__})",
        "Run the same command with capctl and CAPCTL_DEBUG=1 to see more.",
    )
