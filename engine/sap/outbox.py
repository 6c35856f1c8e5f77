"""What is to be written, what was sent, and what SAP was seen to hold: the ledger of write-back.

One SQLite file, private, synchronised to disk with every commit. A row is marked `sent` before it goes on the wire, and
`confirmed` only after it was read back; so whoever is killed in between, or answered nothing, leaves the truth behind:
that the outcome is unknown. The ledger knows suppliers by pseudonym only. SAP remains the truth about what it holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import Conflict, InvalidInput, NotFound, Unavailable
from engine.ids import hash_bytes

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS run (
    run_id TEXT PRIMARY KEY, content_hash TEXT NOT NULL, target TEXT NOT NULL, facts TEXT NOT NULL,
    started_at TEXT NOT NULL, proven_at TEXT, evidence TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS entry (
    run_id TEXT NOT NULL, pseudonym TEXT NOT NULL, payload TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT '', etag TEXT NOT NULL DEFAULT '',
    seen INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run_id, pseudonym)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_state ON entry (run_id, state);
"""

FOLDER: Final = "sap"
"""Where the pilot keeps its files, in the state directory."""


def outbox_path(state_dir: Path) -> Path:
    """Where the ledger of an environment lies, once there is one."""
    return state_dir / FOLDER / "outbox.sqlite"


Payload = dict[str, Any]
"""A status row without the two properties of its key, canonical."""


class State(StrEnum):
    """How far an entry is."""

    PENDING = "pending"
    """Known not to be in SAP."""
    SENT = "sent"
    """On the wire, or it was when the process ended."""
    UNKNOWN = "unknown"
    """Sent, and not answered with a success or a certain refusal."""
    DIFFERS = "differs"
    """SAP holds another content under its key."""
    CONFIRMED = "confirmed"
    """Read back, and equal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One supplier's verdict on its way."""

    pseudonym: str
    payload: Payload
    state: State
    attempts: int
    etag: str


@dataclass(frozen=True, slots=True)
class Run:
    """One write-back, however often it was started."""

    run_id: str
    content_hash: str
    """Of everything that is to be written."""
    facts: Payload
    """Hashes and ids that the audit trail ties together."""
    started_at: datetime
    proven_at: datetime | None
    """When everything was last read back and equal."""
    evidence: Payload | None
    """What the audit record of the proof is the hash of."""


class Outbox:
    """The ledger's file. Made on first use.

    Args:
        path: Its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            hint = "It lies in the state directory, below sap/; move it away if it is damaged: SAP is the truth."
            raise Unavailable("sap.outbox", "The outbox of write-backs cannot be opened", hint) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def lock(self, run_id: str) -> Iterator[None]:
        """Be the only one on this machine who works on a run; the kernel lets go however the process ends.

        Raises:
            Conflict: Somebody else does.
        """
        name = f"run-{hash_bytes(run_id.encode())[-16:]}.lock"
        descriptor = os.open(self._path.with_name(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            hint = "Wait for it; capctl pilot status shows how far it is."
            raise Conflict("sap.run_locked", f"Another write-back of {run_id} is under way", hint) from None
        try:
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's writes or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def begin(
        self, run_id: str, entries: Iterable[tuple[str, Payload]], *, target: str, facts: Payload, now: datetime
    ) -> None:
        """Enter a run with everything it is to write. Entering the same again changes nothing.

        Args:
            run_id: The idempotency key.
            entries: Pseudonym and payload of each row.
            target: Fingerprint of where it goes.
            facts: What the run is about.
            now: The wall time.

        Raises:
            Conflict: The run id stands for other content, or for another target.
            InvalidInput: A supplier is in it twice.
        """
        content_hash = str(facts["content_hash"])
        known = self._db.execute("SELECT content_hash, target FROM run WHERE run_id = ?", (run_id,)).fetchone()
        if known is not None:
            if known != (content_hash, target):
                what = "other content" if known[0] != content_hash else "another system or client"
                raise reused(run_id, what)
            return
        with self.transaction():
            self._db.execute(
                "INSERT INTO run (run_id, content_hash, target, facts, started_at) VALUES (?, ?, ?, ?, ?)",
                (run_id, content_hash, target, json.dumps(facts), to_rfc3339(now)),
            )
            try:
                self._db.executemany(
                    "INSERT INTO entry (run_id, pseudonym, payload, state) VALUES (?, ?, ?, 'pending')",
                    ((run_id, pseudonym, json.dumps(payload)) for pseudonym, payload in entries),
                )
            except sqlite3.IntegrityError as error:
                hint = "Pull and verify again."
                raise InvalidInput("sap.supplier_twice", "The result names a supplier twice", hint) from error

    def forget_other(self, run_id: str, content_hash: str) -> None:
        """Drop a run that stands for other content: it is deliberately begun anew."""
        known = self._db.execute("SELECT content_hash FROM run WHERE run_id = ?", (run_id,)).fetchone()
        if known is None or known[0] == content_hash:
            return
        with self.transaction():
            self._db.execute("DELETE FROM entry WHERE run_id = ?", (run_id,))
            self._db.execute("DELETE FROM run WHERE run_id = ?", (run_id,))

    def find(self, run_id: str, pseudonyms: Sequence[str]) -> dict[str, Entry]:
        """The entries of some pseudonyms."""
        marks = ", ".join("?" * len(pseudonyms))
        rows = self._db.execute(
            f"SELECT pseudonym, payload, state, attempts, etag FROM entry WHERE run_id = ? AND pseudonym IN ({marks})",  # noqa: S608 - question marks only
            (run_id, *pseudonyms),
        )
        return {row[0]: Entry(row[0], json.loads(row[1]), State(row[2]), row[3], row[4]) for row in rows}

    def mark(
        self, run_id: str, pseudonyms: Iterable[str], state: State, *, fault: str = "", sent: bool = False
    ) -> None:
        """Note a state for some entries, on disk when this returns.

        Args:
            run_id: The run.
            pseudonyms: Whose.
            state: What is known now.
            fault: Why, where SAP refused.
            sent: Count an attempt.
        """
        with self.transaction():
            self._db.executemany(
                "UPDATE entry SET state = ?, fault = ?, attempts = attempts + ? WHERE run_id = ? AND pseudonym = ?",
                ((state.value, fault, int(sent), run_id, pseudonym) for pseudonym in pseudonyms),
            )

    def observe(self, run_id: str, observed: Iterable[tuple[str, State, str]], *, round_number: int) -> int:
        """Note what a page of a read-back showed.

        Args:
            run_id: The run.
            observed: Pseudonym, `confirmed` or `differs`, and ETag of each row.
            round_number: Of this read-back, counted from 1 for the lifetime of the process.

        Returns:
            How many of them had been seen in this read-back already: duplicates in SAP.
        """
        duplicates = 0
        with self.transaction():
            for pseudonym, state, etag in observed:
                changed = self._db.execute(
                    "UPDATE entry SET state = ?, etag = ?, fault = '', seen = ?"
                    " WHERE run_id = ? AND pseudonym = ? AND seen != ?",
                    (state.value, etag, round_number, run_id, pseudonym, round_number),
                ).rowcount
                duplicates += changed == 0
        return duplicates

    def settle(self, run_id: str, *, round_number: int) -> None:
        """After a whole read-back: what was not seen is not in SAP, whatever was thought of it."""
        self._db.execute(
            "UPDATE entry SET state = 'pending', etag = '' WHERE run_id = ? AND seen != ?", (run_id, round_number)
        )

    def start_over(self, run_id: str) -> None:
        """Count read-backs and attempts anew, in a new process."""
        self._db.execute("UPDATE entry SET seen = 0, attempts = 0, fault = '' WHERE run_id = ?", (run_id,))

    def counts(self, run_id: str) -> dict[State, int]:
        """How many entries are in each state."""
        rows = self._db.execute("SELECT state, count(*) FROM entry WHERE run_id = ? GROUP BY state", (run_id,))
        return dict.fromkeys(State, 0) | {State(state): count for state, count in rows}

    def never_sent(self, run_id: str) -> int:
        """How many entries are missing in SAP and were not even sent, for want of a number."""
        query = "SELECT count(*) FROM entry WHERE run_id = ? AND state = 'pending' AND attempts = 0"
        return int(self._db.execute(query, (run_id,)).fetchone()[0])

    def faults(self, run_id: str) -> dict[str, int]:
        """What SAP said to entries that are not confirmed, and to how many."""
        rows = self._db.execute(
            "SELECT fault, count(*) FROM entry WHERE run_id = ? AND fault != '' GROUP BY fault ORDER BY 2 DESC",
            (run_id,),
        )
        return dict(rows)

    def verdicts(self, run_id: str) -> dict[str, int]:
        """How many suppliers got which status."""
        status = "json_extract(payload, '$.Status')"
        rows = self._db.execute(f"SELECT {status}, count(*) FROM entry WHERE run_id = ? GROUP BY 1", (run_id,))  # noqa: S608
        return dict(rows)

    def violations(self, run_id: str) -> list[tuple[str, str, int]]:
        """Which rules did not hold, why, and for how many suppliers; most frequent first."""
        rows = self._db.execute(
            "SELECT json_extract(rule.value, '$.rule_id'), json_extract(rule.value, '$.reason'), count(*) AS suppliers"
            " FROM entry, json_each(json_extract(payload, '$.RulesJson')) AS rule WHERE run_id = ?"
            " GROUP BY 1, 2 ORDER BY suppliers DESC, 1, 2",
            (run_id,),
        )
        return list(rows)

    def entries(self, run_id: str) -> Iterator[Entry]:
        """Every entry of a run, by pseudonym."""
        columns = "pseudonym, payload, state, attempts, etag"
        query = f"SELECT {columns} FROM entry WHERE run_id = ? ORDER BY pseudonym"  # noqa: S608 - columns of ours
        for row in self._db.execute(query, (run_id,)):
            yield Entry(row[0], json.loads(row[1]), State(row[2]), row[3], row[4])

    def page(self, run_id: str, *, status: str = "", offset: int = 0, limit: int) -> list[Entry]:
        """Some entries of a run: the worst statuses first, then by pseudonym.

        Args:
            run_id: The run.
            status: Only this one; empty for all.
            offset: Entries to leave out at the beginning.
            limit: At most so many.
        """
        clause = "run_id = ? AND (? = '' OR json_extract(payload, '$.Status') = ?)"
        order = "json_extract(payload, '$.Status') = 'OK', json_extract(payload, '$.Status'), pseudonym"
        rows = self._db.execute(
            f"SELECT pseudonym, payload, state, attempts, etag FROM entry WHERE {clause}"  # noqa: S608 - clauses of ours
            f" ORDER BY {order} LIMIT ? OFFSET ?",
            (run_id, status, status, limit, offset),
        )
        return [Entry(row[0], json.loads(row[1]), State(row[2]), row[3], row[4]) for row in rows]

    def prove(self, run_id: str, evidence: Payload, now: datetime) -> None:
        """Note that everything was read back and equal."""
        self._db.execute(
            "UPDATE run SET proven_at = ?, evidence = ? WHERE run_id = ?",
            (to_rfc3339(now), json.dumps(evidence), run_id),
        )

    def run(self, run_id: str) -> Run:
        """A run. Raises NotFound."""
        found = self._runs("WHERE run_id = ?", (run_id,))
        if not found:
            raise NotFound("sap.run_unknown", f"No run {run_id} was begun here", "See: capctl pilot status.")
        return found[0]

    def runs(self, *, limit: int = 20) -> list[Run]:
        """The latest runs, newest first."""
        return self._runs("ORDER BY started_at DESC, rowid DESC LIMIT ?", (limit,))

    def _runs(self, clause: str, values: tuple[Any, ...]) -> list[Run]:
        columns = "run_id, content_hash, facts, started_at, proven_at, evidence"
        rows = self._db.execute(f"SELECT {columns} FROM run {clause}", values)  # noqa: S608 - clauses of ours
        return [
            Run(
                run_id=run_id,
                content_hash=content_hash,
                facts=json.loads(facts),
                started_at=from_rfc3339(started),
                proven_at=from_rfc3339(proven) if proven else None,
                evidence=json.loads(evidence) if evidence else None,
            )
            for run_id, content_hash, facts, started, proven, evidence in rows
        ]


def reused(run_id: str, what: str) -> Conflict:
    """The refusal of a run id that stands for something else."""
    return Conflict(
        "sap.run_reused",
        f"Idempotency key reused: {run_id} stands for {what}",
        "Take another run id; or add --update to overwrite what SAP holds under this one, deliberately.",
    )
