"""Connections and transactions: the one place that opens the registry's file.

Each `Database` has two connections. Writes go through one of them, one at a time, behind a lock; reads go through the
other, so that nobody who only looks (the console's poller, a verifier) ever waits for a writer, in this process or
another: that is what the write-ahead log gives. Any thread may use it. A child process must make its own.

- A file that does not exist reads as an empty registry, and is made by the first write that is committed.
- A file that was replaced under its name (a restore) is noticed at the next use; one that vanished is an error.
- Waiting for another writer is bounded.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from engine.errors import Unavailable
from engine.registry import faults, files, schema

BUSY_TIMEOUT_S: Final = 5.0
"""Longest wait for another writer. Writers hold the lock for milliseconds; an import of a million members, a second."""

WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""What the write-ahead log is cut back to after a large import."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A connection, and which file it is connected to."""

    connection: sqlite3.Connection
    file: files.FileId | None
    """None for one that must not outlive its use."""


class Database:
    """The registry's file, with its connections.

    Args:
        path: The file; its directory is made with it.
        create: Fills an empty database, inside a transaction.
        read_only: Refuse every write.
        busy_timeout_s: Longest wait for another writer, in seconds.
    """

    def __init__(
        self,
        path: Path,
        create: Callable[[sqlite3.Connection], None],
        *,
        read_only: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self.path = path
        self._create = create
        self._read_only = read_only
        self._busy_timeout_s = busy_timeout_s
        self._reader: _Opened | None = None
        self._reader_lock = threading.RLock()
        self._writer: _Opened | None = None
        self._writer_lock = threading.RLock()
        self._writing_thread: int | None = None
        self._rehearsing = False

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees everything committed, and inside a write or rehearsal what that has stored so far.

        Raises:
            Unavailable: The registry cannot be opened or read.
        """
        with faults.told(self.path):
            if self._writing_thread == threading.get_ident() and self._in_transaction():
                yield self._connected_writer()
                return
            with self._reader_lock:
                yield self._connected_reader()

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction: committed when the block ends, undone when it raises. Blocks may be nested.

        Args:
            durable: On disk before the block ends. Without it a crash of the machine (not of the process) may lose
                the last second, and the write costs a tenth.

        Raises:
            Unavailable: The registry cannot be opened or written, or somebody else writes for too long.
        """
        with faults.told(self.path), self._alone():
            connection = self._connected_writer()
            if self._rehearsing and not connection.in_transaction:
                connection.execute("BEGIN IMMEDIATE")
            nested = connection.in_transaction
            with _savepoint(connection) if nested else _transaction(connection, durable=durable):
                yield connection

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Undo every write of the block when it ends. Blocks may be nested.

        The lock that other processes wait for is taken with the first write, so that what is computed before it does
        not hold up a rollback elsewhere.

        Raises:
            Unavailable: Another thread of this process writes for too long.
        """
        with self._alone():
            outer, self._rehearsing = self._rehearsing, True
            inner = self._in_transaction()
            if inner:
                with faults.told(self.path):
                    self._connected_writer().execute("SAVEPOINT rehearsal")
            try:
                # Whatever the block raises is its own: an OSError of its may be about any file.
                yield
            finally:
                self._rehearsing = outer
                with faults.told(self.path):
                    self._undo(to_savepoint=inner)

    @property
    def is_pending(self) -> bool:
        """Whether the calling thread is inside a write or a rehearsal: what it has stored is not committed."""
        return self._writing_thread == threading.get_ident()

    @property
    def is_rehearsing(self) -> bool:
        """Whether the calling thread is inside a rehearsal."""
        return self._rehearsing and self.is_pending

    def copy_into(self, path: Path) -> None:
        """Write what is committed at this moment into a new file, without making anybody wait.

        Two copies of one state are equal byte for byte, whatever the file has been through. It is not yet safe from a
        crash of the machine.

        Raises:
            Unavailable: There is no registry yet, it cannot be read, or the file cannot be written.
        """
        with faults.told(self.path):
            if files.inspect(self.path) is None:
                raise faults.absent(self.path)
            source = self._connect("mode=rw" if files.is_writable(self.path) else self._mode_for_looking())
        with closing(source), faults.told(path):
            _is_registry(source, self.path)
            files.touch_private(path)
            source.execute("PRAGMA synchronous=OFF")  # of the copy, which takes it over from here
            source.execute("VACUUM INTO ?", (os.fspath(path),))

    def close(self) -> None:
        """Close both connections. The next use opens them again."""
        with faults.told(self.path), self._alone(), self._reader_lock:
            for opened in (self._reader, self._writer):
                if opened is not None:
                    opened.connection.close()
            self._reader = self._writer = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads of this process from writing."""
        if not self._writer_lock.acquire(timeout=self._busy_timeout_s):
            raise faults.locked(self.path)
        outer, self._writing_thread = self._writing_thread, threading.get_ident()
        try:
            yield
        finally:
            self._writing_thread = outer
            self._writer_lock.release()

    def _in_transaction(self) -> bool:
        return self._writer is not None and self._writer.connection.in_transaction

    def _undo(self, *, to_savepoint: bool) -> None:
        """End a rehearsal. SQLite itself may have undone everything before, on a full disk for instance."""
        if self._writer is None:
            return
        connection = self._writer.connection
        if connection.in_transaction:
            if to_savepoint:
                connection.execute("ROLLBACK TO rehearsal")
                connection.execute("RELEASE rehearsal")
            else:
                connection.execute("ROLLBACK")
        if self._writer.file is None and not connection.in_transaction:
            connection.close()
            self._writer = None

    def _connected_reader(self) -> sqlite3.Connection:
        found = files.inspect(self.path)
        if self._reader is not None and self._is_outdated(self._reader, found):
            self._reader.connection.close()
            self._reader = None
        if self._reader is None:
            self._reader = self._open_reader(found)
        return self._reader.connection

    def _connected_writer(self) -> sqlite3.Connection:
        if self._writer is not None and self._writer.connection.in_transaction:
            return self._writer.connection
        found = files.inspect(self.path)
        if self._writer is not None and self._is_outdated(self._writer, found):
            self._writer.connection.close()
            self._writer = None
        if self._writer is None:
            self._writer = self._open_writer(found)
        return self._writer.connection

    def _is_outdated(self, opened: _Opened, found: files.FileId | None) -> bool:
        if opened.file is not None and found is None:
            # Reading on as if it were empty would take every rollout for one that never began.
            raise Unavailable(
                "registry.vanished",
                f"{self.path.name} has vanished while it was in use",
                "Put it back or restore it from a backup; then this goes on by itself.",
            )
        return opened.file != found

    def _open_reader(self, found: files.FileId | None) -> _Opened:
        if found is None:
            return _Opened(self._empty(), None)
        writable = files.is_writable(self.path)
        connection = self._connect("mode=rw" if writable else self._mode_for_looking())
        with _closed_on_error(connection):
            if _is_registry(connection, self.path):
                self._bring_up_to_date(connection, may_write=writable and not self._read_only)
                connection.execute("PRAGMA query_only = ON")
                return _Opened(connection, found if writable else None)
        connection.close()
        return _Opened(self._empty(), None)

    def _open_writer(self, found: files.FileId | None) -> _Opened:
        if self._read_only:
            raise faults.read_only(self.path)
        if found is None:
            if self._rehearsing:
                return _Opened(self._empty(), None)
            files.touch_private(self.path)
        if not files.is_writable(self.path):
            raise faults.read_only(self.path)
        connection = self._connect("mode=rw")
        with _closed_on_error(connection):
            self._initialise(connection)
            connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
            return _Opened(connection, files.inspect(self.path))

    def _initialise(self, connection: sqlite3.Connection) -> None:
        if not _is_registry(connection, self.path):
            connection.execute("BEGIN EXCLUSIVE")
            # Another process may have been faster.
            if not _is_registry(connection, self.path):
                self._create(connection)
            connection.execute("COMMIT")
        self._bring_up_to_date(connection, may_write=True)
        connection.execute("PRAGMA journal_mode = WAL")

    def _bring_up_to_date(self, connection: sqlite3.Connection, *, may_write: bool) -> None:
        """Give a registry of an older release the tables of this one."""
        version = _layout(connection)
        if version >= schema.VERSION:
            return
        if not may_write:
            raise faults.older(self.path, version)
        connection.execute("BEGIN EXCLUSIVE")
        # Another process may have been faster.
        version = _layout(connection)
        if version < schema.VERSION:
            schema.upgrade(connection, version)
        connection.execute("COMMIT")

    def _mode_for_looking(self) -> str:
        """How to open a file that cannot be written: without its log when it has none, as SQLite then needs no lock."""
        log = self.path.with_name(self.path.name + "-wal")
        return "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"file:{quote(os.fsencode(self.path.absolute()))}?{mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def _empty(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys = ON")
        self._create(connection)
        return connection


def _is_registry(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it is a registry (True) or still empty (False).

    Raises:
        Unavailable: It is something else, or from a newer release.
    """
    # One statement sees one state of the file, whatever another process does meanwhile.
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application == schema.APPLICATION_ID and 1 <= version <= schema.VERSION:
        return True
    if application == schema.APPLICATION_ID and version > schema.VERSION:
        raise faults.newer(path, version)
    if application or version or tables:
        raise faults.not_a_registry(path)
    return False


def _layout(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def _transaction(connection: sqlite3.Connection, *, durable: bool) -> Iterator[None]:
    if not durable:
        connection.execute("PRAGMA synchronous = NORMAL")
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    finally:
        if not durable:
            connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def _savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("SAVEPOINT step")
    try:
        yield
        connection.execute("RELEASE step")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO step")
            connection.execute("RELEASE step")
        raise
