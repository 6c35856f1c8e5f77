"""The store behind `engine.ports`, embedded: one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from engine.audit import AuditEvent, AuditRecord, ChainHead, CompactRange
from engine.clock import Clock
from engine.drift.sample import ReplicaSample
from engine.errors import InvalidInput, NotFound, Unavailable
from engine.ids import merkle_root
from engine.policy.ir import PolicyIR
from engine.ports import (
    AuditLog,
    AuditState,
    AuditWitness,
    EntrySealer,
    KeyringStore,
    PublishedPolicy,
    ReferenceSetEntry,
    RolloutChange,
    StoredReview,
)
from engine.registry import (
    actors,
    audit_log,
    blobs,
    changes,
    evidence,
    faults,
    policies,
    reference_sets,
    reviews,
    rollouts,
    schema,
)
from engine.registry.database import BUSY_TIMEOUT_S, Database
from engine.registry.sealing import Sealing
from engine.registry.sqlite_cutovers import SqliteCutovers
from engine.registry.sqlite_keys import SqliteKeys
from engine.rollout.state import RolloutState


class SqliteStore(SqliteKeys, SqliteCutovers):
    """Everything the embedded registry keeps. Implements `engine.ports.Store`.

    Opening is lazy: nothing is touched before the first use, an absent file reads as empty, and the first write makes
    it. Every method may be called from any thread and, at the same time, from other processes with stores of their own.

    Args:
        path: The file.
        clock: When an actor is first seen.
        read_only: Refuse every write.
        random_bytes: Source of the pseudonyms' secret.
        busy_timeout_s: Longest wait for another writer, in seconds.
        open_witness: Opens who is told of every write once it is committed; called with the first of them.
        open_sealer: Opens who signs and checks what is published and imported; called when something first is. Without
            it nothing is signed, and nothing is refused for not being signed.

    Raises:
        Unavailable: From every method: the registry cannot be opened, read or written; the message says why.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        read_only: bool = False,
        random_bytes: Callable[[int], bytes] = os.urandom,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        open_witness: Callable[[AuditLog], AuditWitness] | None = None,
        open_sealer: Callable[[KeyringStore], EntrySealer] | None = None,
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._read_only = read_only
        self._open_witness = open_witness
        self._witness: AuditWitness | None = None
        self._open_sealer = open_sealer
        self._opened_sealer: EntrySealer | None = None
        self._database = Database(path, self._create, read_only=read_only, busy_timeout_s=busy_timeout_s)

    def _create(self, connection: sqlite3.Connection) -> None:
        schema.create(connection, change=changes.start(self._random_bytes), actor_secret=self._random_bytes(32))

    # Policies

    def publish(self, ir: PolicyIR, source: bytes, *, at: datetime, audit: AuditEvent) -> PublishedPolicy:
        self._prepare_to_sign()
        with self._writing() as connection:
            sealing = self._sealing(connection)
            entry = policies.published(connection, ir.policy_id)
            if entry is None or entry.ir_hash != ir.ir_hash:
                entry = policies.publish(connection, ir, source, at=at)
            elif sealing.holds_policy(entry):
                return entry
            sealing.sign_policy(entry)
            audit_log.append(connection, audit, at=at)
            changes.count(connection)
            return entry

    def keep(self, ir: PolicyIR) -> None:
        with self._writing() as connection:
            policies.keep(connection, ir)

    def published(self, policy_id: str) -> PublishedPolicy | None:
        with self._reading() as connection:
            return policies.published(connection, policy_id)

    def policy(self, policy_id: str) -> PolicyIR:
        entry = self.published(policy_id)
        if entry is None:
            raise policies.unknown(policy_id)
        with self._reading() as connection:
            self._sealing(connection).check_policy(entry)
        try:
            ir = self.ir(entry.ir_hash)
        except NotFound as error:
            # Not found would be taken for not published, and what is shipped for what was published.
            raise faults.damaged(self._database.path, f"the IR of {policy_id} is missing") from error
        if ir.policy_id != policy_id:
            raise faults.damaged(self._database.path, f"another policy is stored as {policy_id}")
        return ir

    def policy_source(self, policy_id: str) -> bytes:
        with self._reading() as connection:
            return policies.source(connection, policy_id)

    def ir(self, ir_hash: str) -> PolicyIR:
        from engine.policy.reading import read_ir

        with self._reading() as connection:
            canonical = policies.ir_bytes(connection, ir_hash)
        with self._intact():
            ir = read_ir(canonical)
        if ir.ir_hash != ir_hash:
            raise faults.damaged(self._database.path, f"another IR is stored under {ir_hash}")
        return ir

    def policies(self) -> Sequence[PublishedPolicy]:
        with self._reading() as connection:
            return policies.everything_published(connection)

    # Reference sets

    def import_set(self, name: str, members: frozenset[str], *, at: datetime, audit: AuditEvent) -> ReferenceSetEntry:
        # Both take seconds for a million members: done before anybody else has to wait.
        content = reference_sets.encode(members)
        entry = ReferenceSetEntry(merkle_root(members), name, len(members), at)
        digest = blobs.digest_of(content)
        self._prepare_to_sign()
        with self._writing() as connection:
            sealing = self._sealing(connection)
            present = reference_sets.listed(connection, entry.root)
            is_signed = present is not None and sealing.holds_list(entry, digest)
            if present is not None and present.name == name and is_signed:
                return present
            reference_sets.put(connection, entry, content)
            if not is_signed:
                sealing.sign_list(entry, digest)
            audit_log.append(connection, audit, at=at)
            changes.count(connection)
            return reference_sets.listed(connection, entry.root) or entry

    def reference_set(self, root: str) -> frozenset[str]:
        with self._reading() as connection:
            digest, content, count = reference_sets.content(connection, root)
            self._sealing(connection).check_list(root, count, digest)
        with self._intact():
            return reference_sets.decode(blobs.checked(digest, content), count)

    def reference_sets(self) -> Sequence[ReferenceSetEntry]:
        with self._reading() as connection:
            return reference_sets.everything_listed(connection)

    # Rollouts

    def rollout(self, policy_id: str) -> RolloutState | None:
        with self._reading() as connection:
            return rollouts.current(connection, policy_id)

    def rollouts(self) -> Sequence[RolloutState]:
        with self._reading() as connection:
            return rollouts.everything_current(connection)

    def commit_rollout(self, change: RolloutChange, *, expected_revision: int | None, audit: AuditEvent) -> None:
        state = change.state
        with self._writing() as connection:
            with self._intact():
                rollouts.check_expected(connection, change, expected_revision)
            record = audit_log.append(connection, replace(audit, evidence=rollouts.sealed(change)), at=state.changed_at)
            rollouts.add(connection, change, record)
            evidence.forget_silent(connection, state.policy_id, step_id=state.step_id, now=state.changed_at)
            changes.count(connection)

    def rollout_history(self, policy_id: str, *, limit: int = 50) -> Sequence[RolloutChange]:
        with self._reading() as connection:
            return rollouts.history(connection, policy_id, limit=limit)

    # Evidence

    def report_evidence(self, samples: Sequence[ReplicaSample]) -> None:
        # Losing the last second of counters with the machine harms nobody: the verifier reports again.
        with self._writing(durable=False) as connection:
            evidence.report(connection, samples)

    def evidence(self, policy_id: str) -> Sequence[ReplicaSample]:
        with self._reading() as connection:
            return evidence.about(connection, policy_id)

    # Keys

    @property
    def is_pending(self) -> bool:
        return self._database.is_pending

    def sign_unsigned(self) -> int:
        self._prepare_to_sign()
        with self._writing() as connection:
            signed = self._sealing(connection).sign_unsigned()
            changes.count(connection)
            return signed

    # Readiness

    def review(self, env: str) -> StoredReview | None:
        with self._reading() as connection:
            return reviews.current(connection, env)

    def commit_review(
        self, review: StoredReview, *, expected_revision: int, audit: AuditEvent, at: datetime
    ) -> StoredReview:
        with self._writing() as connection:
            reviews.check_expected(connection, review, expected_revision)
            told = replace(audit, object=review.env, revision=review.revision, evidence=reviews.sealed(review))
            reviews.put(connection, review, audit_log.append(connection, told, at=at))
            changes.count(connection)
            return review

    # Audit

    def append_audit(self, event: AuditEvent, *, at: datetime) -> AuditRecord:
        with self._writing() as connection:
            return audit_log.append(connection, event, at=at)

    def audit_lines(self, *, after: int = 0) -> Iterator[bytes]:
        return (line for _, line in self.audit_numbered(after=after))

    def audit_lines_back(self) -> Iterator[bytes]:
        return (line for _, line in self.audit_numbered_back())

    def audit_numbered(self, *, after: int = 0) -> Iterator[tuple[int, bytes]]:
        seq = after
        while True:
            with self._reading() as connection:
                page = audit_log.page(connection, after=seq)
            if not page:
                return
            yield from page
            seq = page[-1][0]

    def audit_numbered_back(self, *, before: int | None = None) -> Iterator[tuple[int, bytes]]:
        seq = audit_log.LAST if before is None else before
        while True:
            with self._reading() as connection:
                page = audit_log.page_back(connection, before=seq)
            if not page:
                return
            yield from page
            seq = page[-1][0]

    def audit_head(self) -> ChainHead:
        with self._reading() as connection:
            return audit_log.head(connection)

    def audit_tail(self, *, limit: int = 50) -> Sequence[AuditRecord]:
        with self._reading() as connection:
            return audit_log.tail(connection, limit=limit)

    def audit_state(self) -> AuditState:
        with self._reading() as connection:
            connection.execute("SAVEPOINT looking")
            try:
                return audit_log.state(connection)
            finally:
                connection.execute("RELEASE looking")

    def note_checkpoint(self, note: str, covered: CompactRange) -> None:
        with self._database.write() as connection:
            audit_log.note_checkpoint(connection, note, covered)

    def forget_checkpoint(self) -> None:
        with self._database.write() as connection:
            audit_log.forget_checkpoint(connection)

    # The registry itself

    def pseudonym(self, actor: str) -> str:
        with self._reading() as connection:
            if actors.name_of(connection, actor) is not None:
                return actor  # a caller who is known by pseudonym already, as those of the HTTP service are
            known_as = actors.pseudonym_of(connection, actor)
            noted = actors.name_of(connection, known_as)
        if noted is not None or self._read_only:
            return known_as
        with self._database.write() as connection:
            # Asked again: this write may be the one that makes the registry, and with it the secret.
            known_as = actors.pseudonym_of(connection, actor)
            actors.note(connection, known_as, actor, at=self._clock.now())
            return known_as

    def actor_name(self, pseudonym: str) -> str:
        with self._reading() as connection:
            return actors.name_of(connection, pseudonym) or pseudonym

    def version_token(self) -> int:
        with self._reading() as connection:
            return changes.counted(connection)

    def check(self) -> Sequence[str]:
        from engine.registry import inspection

        with self._reading() as connection:
            connection.execute("SAVEPOINT looking")
            try:
                return list(inspection.problems(connection))
            finally:
                connection.execute("RELEASE looking")

    def snapshot(self, path: Path) -> None:
        self._database.copy_into(path)

    def rehearsal(self) -> AbstractContextManager[None]:
        return self._database.rehearsal()

    def close(self) -> None:
        if self._witness is not None:
            self._witness.closing()
        self._database.close()

    def _sealer(self) -> EntrySealer | None:
        if self._opened_sealer is None and self._open_sealer is not None:
            self._opened_sealer = self._open_sealer(self)
        return self._opened_sealer

    def _prepare_to_sign(self) -> None:
        """Have a key at hand before the transaction: making one is no part of it."""
        sealer = self._sealer()
        if sealer is not None and not self._database.is_rehearsing:
            sealer.prepare()

    def _sealing(self, connection: sqlite3.Connection) -> Sealing:
        return Sealing(connection, self._sealer(), rehearsing=self._database.is_rehearsing)

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction, of which the witness hears once it is committed."""
        with self._database.write(durable=durable) as connection:
            yield connection
        if self._open_witness is None or self._database.is_pending:
            return
        if self._witness is None:
            self._witness = self._open_witness(self)
        self._witness.written()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._intact(), self._database.read() as connection:
            yield connection

    @contextmanager
    def _intact(self) -> Iterator[None]:
        """Tell what cannot be understood as the store's fault: it is not the caller's input that is wrong."""
        path = self._database.path
        with faults.told(path):
            try:
                yield
            except InvalidInput as error:
                raise Unavailable(error.code, f"{path.name}: {error.message}", error.hint) from error
