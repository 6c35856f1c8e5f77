"""Who changes a release from this machine, since when, and how far they are.

The lock is the kernel's, and helm inherits it: it is held as long as capctl or the helm that it started lives, however
either ends. So a free lock over an unfinished record means that nobody is at work any more. What became of the release
itself is helm's to tell; the record only says what was meant.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from engine.clock import from_rfc3339, to_rfc3339
from engine.cutover.target import UnderWay
from engine.errors import Conflict, InvalidInput, Unavailable
from engine.ids import hash_bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What is being done, or was meant to be when it was cut off."""

    action: str
    actor: str
    since: datetime
    step: str
    from_revision: int
    digest: str = ""
    """Of the chart and values; empty for a rollback."""

    def under_way(self, *, is_alive: bool) -> UnderWay:
        """As a status tells it."""
        return UnderWay(self.action, self.actor, self.since, self.step, is_alive, self.from_revision)


class Ledger:
    """The record of one release in one place.

    Args:
        folder: Private, of this machine's user; made on first use.
        place: What identifies the cluster, the namespace and the release.
    """

    def __init__(self, folder: Path, place: str) -> None:
        name = hash_bytes(place.encode())[-16:]
        self._record = folder / f"{name}.json"
        self._lock = folder / f"{name}.lock"

    @contextmanager
    def hold(self) -> Iterator[int]:
        """Be the only one on this machine who changes the release; yields the lock's descriptor, to be inherited.

        Raises:
            Conflict: Somebody else is; it says who, since when, and what they are doing.
            Unavailable: The state directory cannot be written.
        """
        try:
            self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            hint = "Look at the state directory's permissions and free space."
            raise Unavailable("deploy.no_ledger", "The record of deployments cannot be written", hint) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._taken() from None
            yield descriptor
        finally:
            os.close(descriptor)

    def begin(self, entry: Entry) -> None:
        """Record what is about to be done, before it is."""
        staged = self._record.with_suffix(".new")
        text = json.dumps({**asdict(entry), "since": to_rfc3339(entry.since)})
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(self._record)

    def step(self, step: str) -> None:
        """Record the next step of what was begun."""
        if entry := self.entry():
            self.begin(replace(entry, step=step))

    def end(self) -> None:
        """It came to an end, good or bad, which helm's history tells."""
        self._record.unlink(missing_ok=True)

    def entry(self) -> Entry | None:
        """What was begun and not ended; None where nothing was, or where the record cannot be read."""
        try:
            found = json.loads(self._record.read_text("utf-8"))
            return Entry(**{**found, "since": from_rfc3339(found["since"])})
        except (OSError, ValueError, TypeError, KeyError, InvalidInput):
            return None

    def under_way(self) -> UnderWay | None:
        """What was begun and not ended, and whether somebody still works on it."""
        entry = self.entry()
        return entry.under_way(is_alive=self._is_held()) if entry else None

    def _is_held(self) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _taken(self) -> Conflict:
        entry = self.entry()
        who = f"{entry.actor} ({entry.action}, {entry.step}) since {to_rfc3339(entry.since)}" if entry else "somebody"
        hint = "Wait for them, or stop it there with Ctrl-C; capctl deploy status shows how far it is."
        return Conflict("deploy.under_way", f"The release is being changed by {who}", hint)
