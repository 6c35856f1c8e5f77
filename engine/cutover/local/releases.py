"""What was deployed on this machine and when: the history of releases, and what is under way.

Written after each step of a change, so that whoever comes after a kill knows what was begun. A lock that the kernel
releases tells whether somebody is still at it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.clock import from_rfc3339, to_rfc3339
from engine.cutover.local.documents import LEDGER, Backend, read_json, write_json
from engine.cutover.target import Revision, UnderWay
from engine.errors import Conflict, InvalidInput, NotFound, Unavailable

LOCK: Final = "deploy.lock"
LOCK_TRIES: Final = 10
LOCK_PAUSE_S: Final = 0.02
KEPT: Final = 50
"""Entries of the history; the oldest go first."""


@dataclass(frozen=True, slots=True)
class LocalRevision:
    """One release as it was deployed here."""

    entry: Revision
    backends: tuple[Backend, ...]
    """What runs when it serves."""
    digest: str = ""
    """Of the chart and values it was made from."""

    def to_json(self) -> dict[str, Any]:
        """The revision as JSON data."""
        return {
            "entry": self.entry.to_json(),
            "backends": [asdict(backend) for backend in self.backends],
            "digest": self.digest,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LocalRevision:
        """A revision as it was written down. Raises KeyError, TypeError or InvalidInput where it is none."""
        entry = Revision(**{**data["entry"], "at": from_rfc3339(data["entry"]["at"])})
        return cls(entry, tuple(Backend(**backend) for backend in data["backends"]), str(data["digest"]))


@dataclass(frozen=True, slots=True)
class ReleaseLedger:
    """The history of one release, and what was begun and not ended."""

    revisions: tuple[LocalRevision, ...] = ()
    """Newest first."""
    under_way: UnderWay | None = None
    port: int = 0
    """Of the proxy, so that it comes back where it was; 0 before it ever ran."""
    _folder: Path = field(default=Path(), repr=False, compare=False)

    @classmethod
    def read(cls, folder: Path) -> ReleaseLedger:
        """The ledger in a folder; an empty one where nothing was ever deployed.

        Raises:
            Unavailable: There is one and it is damaged.
        """
        document = read_json(folder / LEDGER)
        if not document and (folder / LEDGER).exists():
            raise _damaged()
        try:
            revisions = tuple(LocalRevision.from_json(entry) for entry in document.get("revisions", ()))
            begun = document.get("under_way")
            under_way = UnderWay(**{**begun, "since": from_rfc3339(begun["since"])}) if begun else None
            return cls(revisions, under_way, int(document.get("port", 0)), folder)
        except (KeyError, TypeError, ValueError, InvalidInput) as error:
            raise _damaged() from error

    def keep(self, **changes: Any) -> ReleaseLedger:
        """Write it down with changes, and return it as it is then."""
        changed = replace(self, **changes)
        under_way = changed.under_way.to_json() if changed.under_way else None
        revisions = [revision.to_json() for revision in changed.revisions[:KEPT]]
        document = {"revisions": revisions, "under_way": under_way, "port": changed.port}
        write_json(self._folder / LEDGER, document)
        return changed

    def with_status(self, number: int, status: str, description: str = "") -> tuple[LocalRevision, ...]:
        """The history with another status of one entry."""
        return tuple(
            replace(r, entry=replace(r.entry, status=status, description=description or r.entry.description))
            if r.entry.number == number
            else r
            for r in self.revisions
        )

    def serving_now(self, number: int) -> tuple[LocalRevision, ...]:
        """The history once this entry serves, and what served before does not."""
        return tuple(
            replace(r, entry=replace(r.entry, status="deployed"))
            if r.entry.number == number
            else replace(r, entry=replace(r.entry, status="superseded"))
            if r.entry.status == "deployed"
            else r
            for r in self.revisions
        )

    def without_pending(self, number: int) -> ReleaseLedger:
        """Write down that whatever was begun failed, but for this entry, which is gone on with."""
        ledger = self
        for revision in self.revisions:
            if revision.entry.is_pending and revision.entry.number != number:
                ledger = ledger.keep(revisions=ledger.with_status(revision.entry.number, "failed", "interrupted"))
        return ledger

    def way_back(self, number: int | None) -> LocalRevision:
        """The revision to go back to.

        Args:
            number: Which; None: after a deployment that failed, was cut off or was stopped what served last, else what
                served before what serves.

        Raises:
            NotFound: There is none that ever served.
        """
        if number is None:
            newest = self.revisions[:1] if self.revisions and self.revisions[0] == self.serving else ()
            goal = next((r for r in self.revisions if r.entry.is_good and r not in newest), None)
        else:
            found = self.find(number)
            goal = found if found and found.entry.is_good else None
        if goal is None:
            what = f"Revision {number}" if number is not None else "No earlier revision"
            raise NotFound("local.no_revision", f"{what} ever served here", "See capctl deploy status --target local.")
        return goal

    def find(self, number: int) -> LocalRevision | None:
        """An entry by its number."""
        return next((r for r in self.revisions if r.entry.number == number), None)

    @property
    def serving(self) -> LocalRevision | None:
        """The newest revision that came up and was not replaced."""
        return next((r for r in self.revisions if r.entry.status == "deployed"), None)

    @property
    def newest(self) -> int:
        """Number of the newest entry; 0 for none."""
        return self.revisions[0].entry.number if self.revisions else 0


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Be the only one who deploys here.

    Raises:
        Conflict: Somebody else is at it; the message says who, since when, and at what.
        Unavailable: The folder cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        hint = "The state directory must be yours and writable."
        raise Unavailable("local.folder", f"The local target has nowhere to live: {error.strerror}", hint) from error
    try:
        if not _taken(lock):
            raise _busy(folder)
        yield
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    """Whether the lock could be had; somebody who only looks whether it is free holds it for a moment."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_S)
        else:
            return True
    return False


def is_busy(folder: Path) -> bool:
    """Whether somebody is deploying here now. Makes no folder: a look changes nothing."""
    if not folder.exists():
        return False
    try:
        with exclusively(folder):
            return False
    except Conflict:
        return True


def begun(action: str, actor: str, at: datetime, step: str, from_revision: int) -> UnderWay:
    """A change that has begun, by this process."""
    return UnderWay(action, actor, at, step, is_alive=True, from_revision=from_revision)


def _busy(folder: Path) -> Conflict:
    now = ReleaseLedger.read(folder).under_way
    who = f"{now.actor} is at it since {to_rfc3339(now.since)} ({now.action}: {now.step})" if now else "somebody is"
    return Conflict("local.busy", f"Two people cannot deploy at once: {who}", "Wait, or watch: capctl deploy status.")


def _damaged() -> Unavailable:
    return Unavailable(
        "local.damaged",
        "The history of local releases is damaged",
        f"Remove {LEDGER} in the local target's folder; what runs goes on.",
    )
