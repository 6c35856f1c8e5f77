"""The keyring as it is believed at this moment: read from the registry, held against what was seen before.

A keeper never hands out a keyring that it has not followed, version by version, from the one that was seen last. It
keeps the time the same way: `now` never falls below the highest time that was seen, by this process or by another that
shares the second place, so that a clock set back revives no key.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from engine.audit import AuditEvent
from engine.clock import Clock
from engine.errors import Conflict, EngineError, Refused
from engine.ids import hash_bytes
from engine.ports import KeyringStore
from engine.trust import succession
from engine.trust.high_water import HighWaterFile, Mark
from engine.trust.keyring import Keyring
from engine.trust.succession import Believed

NOTE_TIME_EVERY: Final = timedelta(seconds=60)
"""How much time may pass unnoted, where no key reaches its end meanwhile."""


class Keeper:
    """Reads and writes the keyring of one registry. Any thread may use it.

    Args:
        store: Where its versions lie.
        file: The second place.
        clock: The wall time, which may be set back.
        root_kids: Key ids of the root keys that a keyring may have; none: any.
    """

    def __init__(self, store: KeyringStore, file: HighWaterFile, clock: Clock, root_kids: Collection[str] = ()) -> None:
        self._store = store
        self._root_kids = root_kids
        self._file = file
        self._clock = clock
        self._lock = threading.RLock()
        self._believed: Believed | None = None
        self._noted: datetime | None = None
        """The highest time that is on disk, as far as this process knows."""
        self._noted_sha3 = ""
        self._highest: datetime | None = None

    def now(self) -> datetime:
        """The wall time, or the highest that was seen where the clock is behind it."""
        with self._lock:
            if self._noted is None and (mark := self._file.read()) is not None:
                self._noted, self._noted_sha3 = mark.seen_at, mark.sha3
                self._highest = mark.seen_at if self._highest is None else max(self._highest, mark.seen_at)
            now = self._clock.now()
            self._highest = now if self._highest is None else max(now, self._highest)
            return self._highest

    def believed(self) -> Believed | None:
        """The newest keyring; None where none was ever made. An expired one is handed out too: see `current`.

        Raises:
            Refused: It is not what followed from the one that was seen last, or has a root key that is not ours.
            InvalidInput: It is no keyring.
            Unavailable: The registry or the second place cannot be read.
        """
        with self._lock:
            newest = self._start() if self._believed is None else self._go_on(self._believed)
            if newest is not None:
                succession.check_roots(newest.ring, self._root_kids)
            # What is seen in a transaction may be undone, and nothing that was remembered ever is.
            if newest is not None and not self._store.is_pending:
                self._believed = newest
                self._note_time(newest)
            return newest

    def current(self) -> Keyring | None:
        """The newest keyring, if its time is not over; None where none was ever made. Raises as `believed`."""
        believed = self.believed()
        if believed is None:
            return None
        succession.check_expiry(believed.ring, self.now())
        return believed.ring

    def commit(self, envelope: bytes, audit: AuditEvent) -> Keyring:
        """Make a keyring the newest one, together with its audit record.

        Args:
            envelope: Signed; it must follow the newest one.
            audit: What to record; its evidence becomes the hash of the envelope, its revision the version.

        Raises:
            Conflict: Somebody else has committed a version meanwhile.
            Refused: It does not follow, or has a root key that is not ours.
        """
        with self._lock:
            before = self.believed()
            try:
                after = succession.first(envelope) if before is None else succession.successor(before, envelope)
            except Refused as refusal:
                if refusal.code in ("keys.version_jump", "keys.not_continued"):
                    raise changed_meanwhile() from refusal
                raise
            succession.check_roots(after.ring, self._root_kids)
            self._store.commit_keyring(envelope, version=after.ring.version, audit=audit, at=self.now())
            if not self._store.is_pending:
                self._believed = after
                self._note(after)
            return after.ring

    def _start(self) -> Believed | None:
        mark = self._file.read()
        if mark is None:
            envelopes = self._store.keyrings()
            if not envelopes:
                return None
            believed = succession.last(succession.first(envelopes[0]), envelopes[1:])
        else:
            envelopes = self._store.keyrings(after=mark.version - 1)
            if not envelopes:
                raise _rolled_back(mark.version)
            believed = succession.last(succession.again(envelopes[0], mark.version, mark.sha3), envelopes[1:])
        return believed

    def _go_on(self, known: Believed) -> Believed:
        envelopes = self._store.keyrings(after=known.ring.version - 1)
        if not envelopes or hash_bytes(envelopes[0]) != known.sha3:
            raise _rolled_back(known.ring.version)
        return succession.last(known, envelopes[1:])

    def _note_time(self, believed: Believed) -> None:
        """Note a new version and the end of a key at once, and else the time every minute."""
        now, noted = self.now(), self._noted
        ends = [key.verify_until for key in believed.ring.keys if key.verify_until is not None]
        is_new = believed.sha3 != self._noted_sha3
        if is_new or noted is None or now - noted >= NOTE_TIME_EVERY or any(noted < end <= now for end in ends):
            self._note(believed)

    def _note(self, believed: Believed) -> None:
        # Whoever only looks may not be allowed to write there; then this process still remembers.
        with suppress(EngineError):
            now = self.now()
            self._file.rise(Mark(believed.ring.version, believed.sha3, now))
            self._noted, self._noted_sha3 = now, believed.sha3


def changed_meanwhile() -> Conflict:
    """Somebody else changed the keyring."""
    return Conflict(
        "keys.revision_conflict",
        "Somebody else changed the keyring meanwhile",
        "Look again (capctl keys status), then decide anew.",
    )


def _rolled_back(version: int) -> Refused:
    return Refused(
        "keys.rolled_back",
        f"The registry's keyring is older than version {version}, which was seen before",
        "Somebody put an older registry in its place. Restore the newest backup, or find out who did.",
    )
