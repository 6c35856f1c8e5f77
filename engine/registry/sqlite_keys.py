"""The part of the embedded store that keeps the keyring, the signatures, and what verifiers say of their keys."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from engine.audit import AuditEvent
from engine.ids import hash_bytes
from engine.ports import ReplicaKeys, SignedEntry
from engine.registry import audit_log, changes, entries, keyrings


class SqliteKeys(ABC):
    """Implements most of `engine.ports.KeyringStore` on the connections of the store that it is a part of."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _writing(self, *, durable: bool = True) -> AbstractContextManager[sqlite3.Connection]: ...

    def keyrings(self, *, after: int = 0) -> Sequence[bytes]:
        with self._reading() as connection:
            return keyrings.versions(connection, after=after)

    def keyring_version(self) -> int:
        with self._reading() as connection:
            return keyrings.newest(connection)

    def commit_keyring(self, envelope: bytes, *, version: int, audit: AuditEvent, at: datetime) -> None:
        with self._writing() as connection:
            keyrings.check_next(connection, version)
            told = replace(audit, evidence=hash_bytes(envelope), revision=version)
            keyrings.add(connection, version, envelope, audit_log.append(connection, told, at=at))
            changes.count(connection)

    def signed_entries(self) -> Sequence[SignedEntry]:
        with self._reading() as connection:
            return entries.everything(connection)

    def replace_signatures(self, changes: Sequence[tuple[SignedEntry, SignedEntry]]) -> int:
        with self._writing() as connection:
            return sum(entries.replace(connection, before, after) for before, after in changes)

    def report_keys(self, report: ReplicaKeys) -> None:
        # A report that is lost with the machine is made again, like the evidence.
        with self._writing(durable=False) as connection:
            keyrings.report(connection, report)

    def forget_replica(self, replica: str) -> None:
        with self._writing(durable=False) as connection:
            keyrings.forget(connection, replica)

    def replica_keys(self) -> Sequence[ReplicaKeys]:
        with self._reading() as connection:
            return keyrings.reports(connection)
