"""What a verifier serves at one moment: an immutable snapshot of policies, rollouts and lists, ready to decide.

A request reads one snapshot and never waits for the store. A change becomes a new snapshot, swapped in whole. What did
not change (a list of a million members, a compiled policy) is carried over from the snapshot before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.decision.bucketing import BUCKET_VERSION
from engine.decision.decider import Decider
from engine.errors import NotFound, Refused
from engine.policy.ir import PolicyIR
from engine.ports import PublishedPolicy, Store
from engine.rollout.state import FULL, RolloutState

ReferenceSets: TypeAlias = Mapping[str, frozenset[str]]
"""Members by root."""

CANDIDATE_MISSING = "CANDIDATE_MISSING"
BUCKET_VERSION_UNKNOWN = "BUCKET_VERSION_UNKNOWN"


@dataclass(frozen=True, slots=True)
class ServedPolicy:
    """One published policy, compiled, with the rollout that governs it."""

    entry: PublishedPolicy
    decider: Decider
    rollout: RolloutState | None
    problem: str = ""
    """Reason code why the rollout is known but cannot be applied; nothing is enforced then."""
    ceiling: int = FULL
    """The largest share that may be enforced here, in basis points, whatever the rollout says."""

    @property
    def basis_points(self) -> int:
        """The share of requests enforced, 0..10000."""
        return 0 if self.rollout is None or self.problem else min(self.rollout.basis_points, self.ceiling)

    @property
    def step_id(self) -> str:
        """The stretch of evidence that decisions belong to; empty when no rollout was ever started."""
        return self.rollout.step_id if self.rollout else ""

    @property
    def revision(self) -> int:
        """The rollout's revision; 0 when no rollout was ever started."""
        return self.rollout.revision if self.rollout else 0


@dataclass(frozen=True, slots=True)
class Serving:
    """Everything served, as of one reading of the store."""

    version: int
    """The store's version token when it was read."""
    policies: Mapping[str, ServedPolicy] = field(default_factory=dict)
    sets: ReferenceSets = field(default_factory=dict)
    keyring: int = 0
    """The keyring's version when it was read."""
    refused: tuple[str, ...] = ()
    """Policies and lists that are kept and not served, because they are not what was signed."""


def load_serving(store: Store, before: Serving | None, *, ceiling: int = FULL) -> Serving:
    """Read what is to be served, reusing what `before` holds unchanged; under a new keyring everything is read anew.

    Args:
        store: Where it is kept.
        before: What was served until now.
        ceiling: The largest share that may be enforced here, in basis points.

    Raises:
        Unavailable: The store cannot be read, or a document in it is damaged.
    """
    # The token comes first: a change that slips in behind it is seen at the next look, never missed.
    version, keyring = store.version_token(), store.keyring_version()
    if before is not None and before.keyring != keyring:
        before = None
    refused: list[str] = []
    sets = _sets(store, before.sets if before else {}, refused)
    same_sets = before is not None and sets.keys() == before.sets.keys()
    rollouts = {state.policy_id: state for state in store.rollouts()}
    policies = {}
    for entry in store.policies():
        served = before.policies.get(entry.policy_id) if before and same_sets else None
        with _noted(entry.policy_id, refused):
            policies[entry.policy_id] = _serve(
                store, entry, rollouts.get(entry.policy_id), sets, served, ceiling=ceiling
            )
    return Serving(version, policies, sets, keyring, tuple(refused))


def _sets(store: Store, known: ReferenceSets, refused: list[str]) -> ReferenceSets:
    sets = {}
    for entry in store.reference_sets():
        with _noted(entry.root, refused):
            sets[entry.root] = known.get(entry.root) or store.reference_set(entry.root)
    return sets


@contextmanager
def _noted(subject: str, refused: list[str]) -> Iterator[None]:
    """Go on without what is not what was signed: one bad row must not take everything else away."""
    try:
        yield
    except Refused:
        refused.append(subject)


def _serve(
    store: Store,
    entry: PublishedPolicy,
    rollout: RolloutState | None,
    sets: ReferenceSets,
    before: ServedPolicy | None,
    *,
    ceiling: int,
) -> ServedPolicy:
    if before is not None and _still_good(before, entry, rollout):
        return ServedPolicy(entry, before.decider, rollout, ceiling=ceiling)
    candidate, problem = _candidate(store, rollout)
    salt = rollout.salt if rollout else b""
    decider = Decider(store.policy(entry.policy_id), sets, salt=salt, candidate=candidate)
    return ServedPolicy(entry, decider, rollout, problem, ceiling)


def _still_good(before: ServedPolicy, entry: PublishedPolicy, rollout: RolloutState | None) -> bool:
    """Whether a decider made before decides as a new one would."""
    return (
        before.entry.ir_hash == entry.ir_hash
        and not before.problem
        and _what_decides(before.rollout) == _what_decides(rollout)
    )


def _what_decides(rollout: RolloutState | None) -> tuple[object, ...]:
    return (rollout.salt, rollout.bucket_version, rollout.candidate_ir_hash) if rollout else ()


def _candidate(store: Store, rollout: RolloutState | None) -> tuple[PolicyIR | None, str]:
    """The candidate version under rollout, and why it cannot be applied."""
    if rollout is None:
        return None, ""
    if rollout.bucket_version != BUCKET_VERSION:
        return None, BUCKET_VERSION_UNKNOWN
    if rollout.candidate_ir_hash is None:
        return None, ""
    try:
        return store.ir(rollout.candidate_ir_hash), ""
    except NotFound:
        return None, CANDIDATE_MISSING
