"""The part of the embedded store that keeps cutovers, and who works on them."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from engine.audit import AuditEvent
from engine.ids import hash_bytes
from engine.ports import CutoverLease, StoredCutover
from engine.registry import audit_log, changes, cutovers


class SqliteCutovers(ABC):
    """Implements `engine.ports.CutoverStore` on the connections of the store that it is a part of."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sqlite3.Connection]: ...

    @abstractmethod
    def _writing(self, *, durable: bool = True) -> AbstractContextManager[sqlite3.Connection]: ...

    def cutover(self, env: str) -> StoredCutover | None:
        with self._reading() as connection:
            return cutovers.current(connection, env)

    def commit_cutover(
        self, stored: StoredCutover, *, expected_revision: int, audit: AuditEvent, at: datetime
    ) -> StoredCutover:
        with self._writing() as connection:
            cutovers.check_expected(connection, stored.env, expected_revision)
            told = replace(audit, revision=stored.revision, evidence=hash_bytes(stored.document))
            cutovers.put(connection, stored, audit_log.append(connection, told, at=at))
            changes.count(connection)
            return stored

    def cutover_lease(self, env: str) -> CutoverLease | None:
        with self._reading() as connection:
            return cutovers.lease(connection, env)

    def take_cutover_lease(self, wanted: CutoverLease, *, instead_of: CutoverLease | None) -> bool:
        with self._writing() as connection:
            return cutovers.take(connection, wanted, instead_of=instead_of)

    def renew_cutover_lease(self, held: CutoverLease) -> bool:
        # A beat that is lost with the machine is no loss: so is whoever held the lease.
        with self._writing(durable=False) as connection:
            return cutovers.renew(connection, held)

    def release_cutover_lease(self, held: CutoverLease) -> None:
        with self._writing(durable=False) as connection:
            cutovers.release(connection, held)
