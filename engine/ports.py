"""What the rooms need from the world, in the words of the domain.

Adapters (SQLite today, PostgreSQL and Prometheus later) implement these protocols; only `bootstrap` knows which one is
plugged in. Every port has one implementation that runs embedded, so that `capctl demo` needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine.audit import AuditEvent, AuditRecord, ChainHead, CompactRange
from engine.drift.sample import ReplicaSample
from engine.policy.ir import PolicyIR
from engine.rollout.state import RolloutState


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """A policy as the registry lists it."""

    policy_id: str
    policy_hash: str
    ir_hash: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class ReferenceSetEntry:
    """A reference set as the registry lists it."""

    root: str
    name: str
    count: int
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class RolloutChange:
    """One transition in a rollout's history."""

    state: RolloutState
    action: str
    """`start`, `promote`, `set`, `pause`, `resume`, `rollback`, `candidate`, `expire`."""
    evidence: dict[str, object]
    """The gate report the change rests on, as JSON data; empty where none was needed."""


class PolicyStore(Protocol):
    """Compiled policies, by id and by the hash of their IR."""

    def publish(self, ir: PolicyIR, source: bytes, *, at: datetime, audit: AuditEvent) -> PublishedPolicy:
        """Publish a compiled policy with its source. Publishing the same content again changes nothing.

        Raises:
            Conflict: The id stands for other content already.
        """
        ...

    def keep(self, ir: PolicyIR) -> None:
        """Store an IR by its hash without publishing it (a rollout's candidate)."""
        ...

    def published(self, policy_id: str) -> PublishedPolicy | None:
        """What a policy id stands for, without reading its IR; None where it is not published."""
        ...

    def policy(self, policy_id: str) -> PolicyIR:
        """The published IR of a policy. Raises NotFound."""
        ...

    def policy_source(self, policy_id: str) -> bytes:
        """The YAML a policy was published from. Raises NotFound."""
        ...

    def ir(self, ir_hash: str) -> PolicyIR:
        """A stored IR by its hash, published or not. Raises NotFound."""
        ...

    def policies(self) -> Sequence[PublishedPolicy]:
        """Everything published, by id."""
        ...


class ReferenceSetStore(Protocol):
    """Sanctions lists and the like, by Merkle root."""

    def import_set(self, name: str, members: frozenset[str], *, at: datetime, audit: AuditEvent) -> ReferenceSetEntry:
        """Store a set under its root. Importing it again changes nothing but the name."""
        ...

    def reference_set(self, root: str) -> frozenset[str]:
        """The members of a set. Raises NotFound."""
        ...

    def reference_sets(self) -> Sequence[ReferenceSetEntry]:
        """Every set, by name."""
        ...


class RolloutStore(Protocol):
    """Where each policy's rollout stands."""

    def rollout(self, policy_id: str) -> RolloutState | None:
        """The current state; None when no rollout was ever started."""
        ...

    def rollouts(self) -> Sequence[RolloutState]:
        """The current state of every policy that has one."""
        ...

    def commit_rollout(self, change: RolloutChange, *, expected_revision: int | None, audit: AuditEvent) -> None:
        """Swap in the new state together with its audit record, in one transaction.

        Args:
            change: The new state; its revision is one above the expected one.
            expected_revision: What the caller based it on; None when there was no rollout.
            audit: What to record. Its evidence becomes the hash of the whole change, state and evidence.

        Raises:
            Conflict: Someone else changed it meanwhile; the message says who, when and to what.
        """
        ...

    def rollout_history(self, policy_id: str, *, limit: int = 50) -> Sequence[RolloutChange]:
        """The latest transitions, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class SignedEntry:
    """A statement of the registry about something it keeps, signed."""

    kind: str
    """Its payload type."""
    subject: str
    """What it is about: a policy id, a list's root."""
    envelope: bytes
    """A DSSE envelope; it may bear several signatures."""


@dataclass(frozen=True, slots=True)
class ReplicaKeys:
    """What a verifier last said about the keys it goes by."""

    replica: str
    keyring_version: int
    """0 while it knows none."""
    at: datetime


class KeyringStore(Protocol):
    """The keyring's versions, and what is signed with its keys."""

    @property
    def is_pending(self) -> bool:
        """Whether the calling thread is inside a transaction or a rehearsal: what it reads may never have been."""
        ...

    def keyrings(self, *, after: int = 0) -> Sequence[bytes]:
        """The envelopes of the versions above one, oldest first."""
        ...

    def keyring_version(self) -> int:
        """The newest version, unverified; 0 where there is none. Cheap: poll it."""
        ...

    def commit_keyring(self, envelope: bytes, *, version: int, audit: AuditEvent, at: datetime) -> None:
        """Add a version together with its audit record, in one transaction.

        Args:
            envelope: The signed keyring.
            version: One above the newest.
            audit: What to record; its evidence becomes the hash of the envelope, its revision the version.
            at: When.

        Raises:
            Conflict: That version is there already, or the one before is not.
        """
        ...

    def signed_entries(self) -> Sequence[SignedEntry]:
        """Every statement about a policy or a list, by kind and subject."""
        ...

    def replace_signatures(self, changes: Sequence[tuple[SignedEntry, SignedEntry]]) -> int:
        """Put envelopes in the place of others of the same statements, in one transaction.

        Args:
            changes: Before and after. One whose before is no longer there is left out.

        Returns:
            How many were exchanged.
        """
        ...

    def sign_unsigned(self) -> int:
        """Sign every policy and list that was stored before there were keys; how many there were."""
        ...

    def report_keys(self, report: ReplicaKeys) -> None:
        """Replace what this replica last said about its keys."""
        ...

    def forget_replica(self, replica: str) -> None:
        """A replica has ended in order: nobody need wait for it."""
        ...

    def replica_keys(self) -> Sequence[ReplicaKeys]:
        """What every replica last said about its keys, by name."""
        ...

    def pseudonym(self, actor: str) -> str:
        """The stable pseudonym under which the audit trail knows an actor."""
        ...


@dataclass(frozen=True, slots=True)
class StoredReview:
    """An environment's readiness review as it is kept."""

    env: str
    revision: int
    document: bytes
    """Canonical JSON, see `engine.readiness.codec`."""
    envelope: bytes = b""
    """The signed statement about it, a DSSE envelope; empty where nobody has signed."""


class ReadinessStore(Protocol):
    """The readiness review of each environment."""

    def review(self, env: str) -> StoredReview | None:
        """The current review, compared with the audit record of its last change; None where nobody has begun one.

        Raises:
            Unavailable: It is not what that record says.
        """
        ...

    def commit_review(
        self, review: StoredReview, *, expected_revision: int, audit: AuditEvent, at: datetime
    ) -> StoredReview:
        """Swap in a review together with its audit record, in one transaction.

        Args:
            review: Its revision is one above the expected one.
            expected_revision: What the caller based it on; 0 where there was none.
            audit: What to record. Object, revision and evidence (a hash over the review) are set here.
            at: When.

        Raises:
            Conflict: Somebody else changed it meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredCutover:
    """An environment's latest cutover as it is kept."""

    env: str
    revision: int
    document: bytes
    """Canonical JSON, see `engine.cutover.plan`."""


@dataclass(frozen=True, slots=True)
class CutoverLease:
    """Who works on an environment's cutover now."""

    env: str
    holder: str
    """Of one process, never used again."""
    actor: str
    """A pseudonym."""
    step: str
    since: datetime
    """When this step was begun."""
    beat: int
    """One more each second. Whoever wants to replace the holder watches it: clocks of two machines differ."""
    at: datetime
    """When it was last heard of, by the holder's clock."""


class CutoverStore(Protocol):
    """The cutover of each environment, shared by everybody who works on it."""

    def cutover(self, env: str) -> StoredCutover | None:
        """The latest cutover, compared with the audit record of its last change; None before the first.

        Raises:
            Unavailable: It is not what that record says.
        """
        ...

    def commit_cutover(
        self, stored: StoredCutover, *, expected_revision: int, audit: AuditEvent, at: datetime
    ) -> StoredCutover:
        """Swap in a plan together with its audit record, in one transaction.

        Args:
            stored: Its revision is one above the expected one.
            expected_revision: What the caller based it on; 0 where there was none.
            audit: What to record. Revision and evidence (a hash of the document) are set here.
            at: When.

        Raises:
            Conflict: Somebody else changed it meanwhile.
        """
        ...

    def cutover_lease(self, env: str) -> CutoverLease | None:
        """Who works on it, or did when they were last heard of; None where the last one ended in order."""
        ...

    def take_cutover_lease(self, wanted: CutoverLease, *, instead_of: CutoverLease | None) -> bool:
        """Take the lease if nobody has it, or still `instead_of` at that very beat; whether it was taken."""
        ...

    def renew_cutover_lease(self, held: CutoverLease) -> bool:
        """Say that it is still held; False when somebody else has it by now."""
        ...

    def release_cutover_lease(self, held: CutoverLease) -> None:
        """Give it back."""
        ...


class EntrySealer(Protocol):
    """Signs the registry's statements, and checks them: what keeps a rewritten registry from being believed."""

    def prepare(self) -> None:
        """See to it that there is a key to sign with. Outside of any transaction.

        Raises:
            EngineError: There is none, and none may be made here.
        """
        ...

    def seal(self, kind: str, statement: Mapping[str, object]) -> bytes:
        """Sign a statement, to which the keyring's version is added. The envelope."""
        ...

    def opened(self, kind: str, envelope: bytes) -> Mapping[str, object]:
        """The statement in an envelope, its signature checked.

        Raises:
            Refused: No key that is accepted now has signed it.
            InvalidInput: It is no such statement.
        """
        ...


class EvidenceStore(Protocol):
    """What the verifiers have measured, as each last reported it."""

    def report_evidence(self, samples: Sequence[ReplicaSample]) -> None:
        """Replace what this replica last said about these policies."""
        ...

    def evidence(self, policy_id: str) -> Sequence[ReplicaSample]:
        """The last report of every replica about a policy."""
        ...


class DriftSource(Protocol):
    """Where a console reads a fleet's evidence, when it does not share the fleet's store."""

    @property
    def name(self) -> str:
        """`scrape`, `prometheus`: how it is called in settings."""
        ...

    def evidence_of(self, state: RolloutState) -> Sequence[ReplicaSample]:
        """What each verifier has measured of a rollout's policy and its current step.

        Raises:
            Unavailable: Nobody answers, or what is answered cannot be read. Nothing is known then, which is not zero.
        """
        ...


@dataclass(frozen=True, slots=True)
class AuditState:
    """What a registry knows of its audit trail without reading it, at one moment."""

    head: ChainHead
    tree: CompactRange
    """Over every line, as it grew with them."""
    origin: str
    """The trail's name in checkpoints."""
    checkpoint: str
    """The latest signed checkpoint, a note; empty before the first."""
    covered: CompactRange
    """The tree that it commits to."""


class AuditWitness(Protocol):
    """Sees to it that what was recorded is signed and kept in a second place.

    It hears of every write after its transaction, and raises nothing: what it cannot do is no fault of who wrote.
    """

    def written(self) -> None:
        """Something may have been recorded."""
        ...

    def closing(self) -> None:
        """The process will record nothing more."""
        ...


class AuditLog(Protocol):
    """The append-only record."""

    def append_audit(self, event: AuditEvent, *, at: datetime) -> AuditRecord:
        """Add an event to the end of the chain."""
        ...

    def audit_lines(self, *, after: int = 0) -> Iterator[bytes]:
        """The stored lines as they are, oldest first, for verification; those after a sequence number."""
        ...

    def audit_lines_back(self) -> Iterator[bytes]:
        """The stored lines as they are, newest first."""
        ...

    def audit_numbered(self, *, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """The stored lines with the numbers they are stored under, oldest first; a few pages of them cost little."""
        ...

    def audit_numbered_back(self, *, before: int | None = None) -> Iterator[tuple[int, bytes]]:
        """The same newest first: those before a number, or all."""
        ...

    def audit_head(self) -> ChainHead:
        """Where the chain ends, kept apart from its lines."""
        ...

    def audit_tail(self, *, limit: int = 50) -> Sequence[AuditRecord]:
        """The latest records, newest first."""
        ...

    def audit_state(self) -> AuditState:
        """Where the trail ends, the tree over it and its latest checkpoint, all at one moment."""
        ...

    def note_checkpoint(self, note: str, covered: CompactRange) -> None:
        """Remember the latest checkpoint, which lies in its second place already."""
        ...

    def forget_checkpoint(self) -> None:
        """Remember none: checkpoints begin anew."""
        ...


class Store(
    PolicyStore,
    ReferenceSetStore,
    RolloutStore,
    EvidenceStore,
    KeyringStore,
    ReadinessStore,
    CutoverStore,
    AuditLog,
    Protocol,
):
    """Everything the embedded registry keeps, behind one connection."""

    def pseudonym(self, actor: str) -> str:
        """The stable pseudonym under which the audit trail knows an actor; that of a known pseudonym is itself."""
        ...

    def actor_name(self, pseudonym: str) -> str:
        """The name behind a pseudonym, or the pseudonym where it is unknown."""
        ...

    def version_token(self) -> int:
        """Differs after any process has committed a change to policies, sets or rollouts. Cheap: poll it."""
        ...

    def check(self) -> Sequence[str]:
        """Read everything and say what is not as it should be, a sentence each; empty when all is well."""
        ...

    def snapshot(self, path: Path) -> None:
        """Write everything that is committed, as at one moment, into a new file, while others go on writing.

        Raises:
            Unavailable: There is no registry yet, or the file cannot be written.
        """
        ...

    def rehearsal(self) -> AbstractContextManager[None]:
        """Run the body for real and undo everything it stored: a dry run on the real code."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...
