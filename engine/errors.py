"""Errors for people: what happened, and what to do about it.

Every error the engine raises on purpose is one of the classes below. The class says what *kind* of answer it is, and
each surface maps the kind once: the command line to an exit code, the HTTP service to a status.

    EngineError                 something unexpected                    exit 1   500
    ├── InvalidInput            the request itself is wrong             exit 2   400 / 422
    ├── Refused                 the answer is no                        exit 3   403
    ├── Held                    not enough evidence, not allowed yet    exit 4   403
    ├── Unavailable             something needed cannot be had          exit 5   503
    │   └── NotFound            the thing named does not exist          exit 5   404
    └── Conflict                someone else changed it                 exit 6   409

Messages and hints are shown to people and written to logs: they carry names of things (a rule, a file, a policy), never
personal data, secrets or exception text from below.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with spaces for control characters and line breaks, so that nothing in it can drive a terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


class EngineError(Exception):
    """An error with a stable code, one line of what happened and one line of what to do.

    Args:
        code: Stable machine-readable code, `room.reason` (`rollout.revision_conflict`).
        message: One line: what happened, and to what.
        hint: One line: what to do now.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str, str]]:
        # Exceptions with their own signature do not survive a process boundary by default (replay runs in a pool).
        return type(self), (self.code, self.message, self.hint)


class InvalidInput(EngineError):
    """What was asked is malformed: a wrong value, a broken document, an impossible combination."""


class Refused(EngineError):
    """The answer is no: a limit is broken, a check failed."""


class Held(EngineError):
    """Not now: the evidence does not suffice yet, something is unsigned, or it is not allowed here."""


class Unavailable(EngineError):
    """Something that is needed cannot be had: a file, a store, a server."""


class NotFound(Unavailable):
    """The policy, list or file that was named does not exist."""


class Conflict(EngineError):
    """Someone else changed it meanwhile, or the same id already stands for other content."""
