"""What happens in the control room, as messages: past facts, and what the operator asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from textual.message import Message

from engine.context import Progress
from engine.errors import EngineError
from engine.ops.spec import Operation
from engine.rollout.snapshot import ControlSnapshot


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with its arguments: what a key, a form or a command line comes to."""

    op: Operation
    arguments: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    """Do everything, keep nothing."""
    document_file: str = ""
    """Where the document that it makes is written, as `-o` of the command line; empty: nowhere."""


class SnapshotTaken(Message):
    """A sample of everything the screens show has arrived.

    Attributes:
        snapshot: The sample.
    """

    def __init__(self, snapshot: ControlSnapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer sample makes an unread older one worthless."""
        return isinstance(message, SnapshotTaken)


class SampleFailed(Message):
    """A sample could not be taken.

    Attributes:
        error: Why, in words for people.
    """

    def __init__(self, error: EngineError) -> None:
        super().__init__()
        self.error = error

    def can_replace(self, message: Message) -> bool:
        """Only the latest failure is shown."""
        return isinstance(message, SampleFailed)


class ReadingTaken(Message):
    """A screen's own sample has arrived.

    Attributes:
        screen: The screen's name.
        snapshot: The sample.
    """

    def __init__(self, screen: str, snapshot: Any) -> None:
        super().__init__()
        self.screen = screen
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """A newer sample of the same screen makes an unread older one worthless."""
        return isinstance(message, ReadingTaken) and message.screen == self.screen


class ReadingFailed(Message):
    """A screen's own sample could not be taken.

    Attributes:
        screen: The screen's name.
        error: Why, in words for people.
    """

    def __init__(self, screen: str, error: EngineError) -> None:
        super().__init__()
        self.screen = screen
        self.error = error

    def can_replace(self, message: Message) -> bool:
        """Only the latest failure is shown."""
        return isinstance(message, ReadingFailed) and message.screen == self.screen


class OperationStarted(Message):
    """An operation has begun.

    Attributes:
        number: Numbers the runs of this session.
        call: What is run.
    """

    def __init__(self, number: int, call: Call) -> None:
        super().__init__()
        self.number = number
        self.call = call


class OperationProgressed(Message):
    """An operation tells how far it is.

    Attributes:
        number: The run's number.
        progress: How far.
    """

    def __init__(self, number: int, progress: Progress) -> None:
        super().__init__()
        self.number = number
        self.progress = progress

    def can_replace(self, message: Message) -> bool:
        """Newer progress of the same step makes unread older one worthless. Words and printed lines are always told."""
        return (
            isinstance(message, OperationProgressed)
            and (message.number, message.progress.step) == (self.number, self.progress.step)
            and not self.progress.message
            and not self.progress.output
        )


class OperationYielded(Message):
    """An operation that yields events until it has ended has yielded one.

    Attributes:
        number: The run's number.
        event: What it yielded.
    """

    def __init__(self, number: int, event: Any) -> None:
        super().__init__()
        self.number = number
        self.event = event

    def can_replace(self, message: Message) -> bool:
        """A newer event of the same run makes an unread older one worthless: each tells where it stands."""
        return isinstance(message, OperationYielded) and message.number == self.number


class OperationDone(Message):
    """An operation has ended well.

    Attributes:
        number: The run's number.
        call: What was run.
        result: What it returned.
    """

    def __init__(self, number: int, call: Call, result: Any) -> None:
        super().__init__()
        self.number = number
        self.call = call
        self.result = result


class OperationFailed(Message):
    """An operation was refused, or failed.

    Attributes:
        number: The run's number.
        call: What was run.
        error: Why.
    """

    def __init__(self, number: int, call: Call, error: EngineError) -> None:
        super().__init__()
        self.number = number
        self.call = call
        self.error = error


class PercentProposed(Message):
    """The operator has chosen a share of requests on the slider and asks for it.

    Attributes:
        basis_points: The share, 0..10000.
    """

    def __init__(self, basis_points: int) -> None:
        super().__init__()
        self.basis_points = basis_points


class CommandEntered(Message):
    """The operator has typed a command line.

    Attributes:
        words: What stands after `capctl`.
    """

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words
