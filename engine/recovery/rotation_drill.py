"""The rotation drill: a whole rotation of the response key, on a copy of the registry, while results are asked for.

What it proves is what nobody wants to learn from a leaked key: that with these keys, this passphrase and this registry
a rotation goes through, that no caller is refused meanwhile, and that the old key ends when it was said to. The live
registry and its keys are only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from engine.audit import current_intent
from engine.bootstrap import open_context
from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.context import EngineContext, Progress
from engine.errors import Conflict, EngineError, Held, Unavailable
from engine.ids import hash_bytes
from engine.recovery.backup import no_policies, take_copy
from engine.recovery.disk import told
from engine.recovery.rehearsal import running_verifier
from engine.recovery.reports import TYPES
from engine.recovery.rotation_traffic import Caller, fetch_keys
from engine.recovery.staging import staging
from engine.settings import DEFAULT_ENVIRONMENT, Settings
from engine.trust.backend import FILE_SCHEME
from engine.trust.custody import custody_of
from engine.trust.dsse import seal
from engine.trust.keyfile import KeyPurpose
from engine.trust.keyring import Keyring
from engine.trust.rotating import Rotations
from engine.trust.verifying import verify_result
from engine.verifier.auth import Scope

if TYPE_CHECKING:
    from engine.trust.signer import Signer

REPORT_TYPE: Final = TYPES["rotation"]
"""The payload type of a drill's signed report."""

PURPOSE: Final = KeyPurpose.RESPONSE
"""Whose key is rotated: the one that callers all over the world go by."""

TOUCHED: Final = (KeyPurpose.ROOT, KeyPurpose.REGISTRY, PURPOSE)
"""Whose keys the copy uses."""

ANNOUNCED_S: Final = 1.0
SOAKED_S: Final = 1.0
"""On the copy these take a second each: what is rehearsed is that they are waited for, not that time passes."""

ENDS_IN: Final = timedelta(seconds=2)
"""From decommissioning until the old key's end: it must be accepted until then."""
LOOKED_AT_S: Final = 1.0
"""How long after its end the old key is tried again and again."""

GATE_S: Final = 30.0
"""Longest wait for the evidence that a step needs."""
LOOK_S: Final = 0.05

StepName: TypeAlias = Literal["copy", "start", "prepare", "dual-accept", "switch", "decommission", "old key's end"]


@dataclass(frozen=True, slots=True)
class RotationStep:
    """A part of a drill."""

    name: StepName
    duration_ms: int

    def to_json(self) -> dict[str, Any]:
        """The step as JSON data."""
        return {"name": self.name, "duration_ms": self.duration_ms}


@dataclass(frozen=True, slots=True)
class OldKey:
    """What became of results under the old key, by the clock."""

    accepted_before: int
    refused_before: int
    accepted_after: int
    refused_after: int

    @property
    def is_right(self) -> bool:
        """Accepted until its end, refused at that instant and after; both were tried."""
        return not self.refused_before and not self.accepted_after and self.accepted_before > 0 < self.refused_after

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON data."""
        return {
            "accepted_before": self.accepted_before,
            "refused_before": self.refused_before,
            "accepted_after": self.accepted_after,
            "refused_after": self.refused_after,
        }


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What a rotation drill has shown."""

    env: str
    started_at: datetime
    keyring_version: int
    """Of the live keyring that was copied."""
    old_kid: str
    new_kid: str
    ended_at: datetime
    """The instant from which on the old key is refused."""
    verified_old: int
    verified_new: int
    """Verifications that a caller believed, by the key that had signed them."""
    failed: int
    problems: tuple[tuple[str, int], ...]
    """What was wrong with those that failed, and how often."""
    old_key: OldKey
    steps: tuple[RotationStep, ...]

    @property
    def answer(self) -> Literal["yes", "no"]:
        """Yes when no caller was refused, both keys signed, and the old one ended when it was said to."""
        served = not self.failed and self.verified_old > 0 < self.verified_new
        return "yes" if served and self.old_key.is_right else "no"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "drill": "rotation",
            "ok": self.answer == "yes",
            "env": self.env,
            "started_at": to_rfc3339(self.started_at),
            "purpose": PURPOSE.value,
            "keyring_version": self.keyring_version,
            "old_kid": self.old_kid,
            "new_kid": self.new_kid,
            "ended_at": to_rfc3339(self.ended_at),
            "verified": {"old": self.verified_old, "new": self.verified_new, "failed": self.failed},
            "problems": dict(self.problems),
            "old_key": self.old_key.to_json(),
            "steps": [step.to_json() for step in self.steps],
        }

    def sealed(self, signer: Signer) -> bytes:
        """The report as a DSSE envelope."""
        return seal(REPORT_TYPE, canonical_json(self.to_json()), [signer])


def drill_rotation(ctx: EngineContext) -> RotationReport:
    """Rotate the response key on a copy of the registry, under traffic, from preparation to the old key's end.

    Args:
        ctx: Of the live registry; progress is told to it.

    Raises:
        Held: There is no response key, its rotation is under way, a key lies where a copy would share it, or a step's
            evidence did not come.
        Refused: There is no policy to verify.
        Conflict: The live keys changed meanwhile.
        Unavailable: A disk fails, or the verifier does not start.
    """
    # What is done on the copy is no outcome of the operation that is recorded in the live trail.
    apart = copy_context()
    apart.run(current_intent.set, None)
    return apart.run(_drill, ctx)


def _drill(ctx: EngineContext) -> RotationReport:
    ring, before, started_at = _live_keyring(ctx), _fingerprint(ctx), ctx.clock.now()
    watch = _Stopwatch(ctx)
    with staging(ctx.settings.state_dir, "drill") as folder, ExitStack() as running:
        copy = folder / "copy"
        with watch.step("copy"):
            operator = running.enter_context(_copied(ctx, copy))
        with watch.step("start"):
            scopes = {Scope.VERIFY_RUN}
            client = running.enter_context(running_verifier(ctx.settings, copy, ctx.clock, scopes))
        rotations = Rotations(custody_of(operator), operator.settings, operator.random_bytes)
        with Caller(client, operator.store.policies()[0].policy_id, ctx.clock) as caller:
            with watch.step("prepare"):
                _wait_until(lambda: bool(caller.calls.last), "a first verification")
                rotations.prepare(PURPOSE)
            with watch.step("dual-accept"):
                rotations.dual_accept(PURPOSE)
            with watch.step("switch"):
                _wait_for_evidence(rotations)
                rotations.switch(PURPOSE)
            with watch.step("decommission"):
                _wait_for_evidence(rotations)
                ended_at = ctx.clock.now() + ENDS_IN
                rotations.decommission(PURPOSE, ended_at)
            rotated = rotations.standing(PURPOSE).ring.rotations[PURPOSE]
            with watch.step("old key's end"):
                signed_by_old = caller.calls.last[rotated.old_kid]
                old_key = _try_old(ctx, lambda: fetch_keys(client), signed_by_old, ended_at)
    if _fingerprint(ctx) != before:
        raise Conflict(
            "recovery.keys_changed", "The live keys were changed during the drill", "See by whom, then run it again."
        )
    calls = caller.calls
    return RotationReport(
        env=ctx.env,
        started_at=started_at,
        keyring_version=ring.version,
        old_kid=rotated.old_kid,
        new_kid=rotated.new_kid,
        ended_at=ended_at,
        verified_old=calls.accepted[rotated.old_kid],
        verified_new=calls.accepted[rotated.new_kid],
        failed=calls.failed,
        problems=tuple(calls.problems.most_common()),
        old_key=old_key,
        steps=tuple(watch.steps),
    )


def _live_keyring(ctx: EngineContext) -> Keyring:
    """The keyring, if a copy of it can be rotated without touching a key of the original."""
    ring = custody_of(ctx).keyring()
    if ring is None or ring.signing(PURPOSE) is None:
        raise Held("keys.none", f"There is no {PURPOSE} key yet", f"Make it: capctl keys init --purpose {PURPOSE}.")
    if not ctx.store.policies():
        raise no_policies("The registry has no published policy, so there is nothing to verify during the drill")
    shared = [key for key in ring.keys if key.purpose in TOUCHED and not key.backend_ref.startswith(f"{FILE_SCHEME}:")]
    if shared:
        raise Held(
            "recovery.shared_keys",
            f"The {shared[0].purpose} key lies outside of this registry's files, and a copy would use the original",
            "Rehearse on an environment whose keys are files: decommissioning destroys the old key where it lies.",
        )
    return ring


@contextmanager
def _copied(ctx: EngineContext, folder: Path) -> Iterator[EngineContext]:
    """A copy of the registry, and an operator on it who needs not wait as long as one in earnest."""
    with told("The copy"):
        folder.mkdir(mode=0o700)
    take_copy(ctx, folder)
    settings = replace(
        Settings(),
        env=DEFAULT_ENVIRONMENT,
        state_dir=folder,
        key_passphrase_file=ctx.settings.key_passphrase_file,
        key_announce_s=ANNOUNCED_S,
        key_soak_s=SOAKED_S,
    )
    with open_context(settings, actor=ctx.actor, clock=ctx.clock, random_bytes=ctx.random_bytes) as operator:
        for replica in operator.store.replica_keys():  # verifiers of the original will never speak to the copy
            operator.store.forget_replica(replica.replica)
        yield operator


def _wait_for_evidence(rotations: Rotations) -> None:
    """Wait until the next step's evidence is there, as an operator does."""
    _wait_until(lambda: all(need.met for need in rotations.standing(PURPOSE).requirements), "the evidence for a step")


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    patience = Event()
    for _ in range(round(GATE_S / LOOK_S)):
        if holds():
            return
        patience.wait(LOOK_S)
    raise Unavailable(
        "recovery.drill_stuck",
        f"The drill waited {GATE_S:g} s for {what}, and it did not come",
        "See what a rotation waits for: capctl keys status; then run the drill again on a quieter machine.",
    )


def _try_old(
    ctx: EngineContext, published: Callable[[], dict[str, Any]], result: dict[str, Any], ended_at: datetime
) -> OldKey:
    """Hold a result under the old key against the published key set, until some time after the key's end."""
    counts = {(due, accepted): 0 for due in (True, False) for accepted in (True, False)}
    patience = Event()
    now = ctx.clock.now()
    while now < ended_at + timedelta(seconds=LOOKED_AT_S):
        keys = published()
        now = ctx.clock.now()  # after fetching: a set that was fetched before the end must not outlive it
        counts[now < ended_at, _accepts(keys, result, now)] += 1
        patience.wait(LOOK_S)
    return OldKey(counts[True, True], counts[True, False], counts[False, True], counts[False, False])


def _accepts(keys: dict[str, Any], result: dict[str, Any], now: datetime) -> bool:
    try:
        verify_result(result, keys, now=now)
    except EngineError:
        return False
    return True


def _fingerprint(ctx: EngineContext) -> str:
    """Of everything that a drill must leave alone: the live keyrings and key files."""
    files = sorted((ctx.settings.state_dir / "keys").glob("*.pem"))
    with told("The key files"):
        parts = [hash_bytes(file.read_bytes()) for file in files]
    return hash_bytes(canonical_json([*parts, *(hash_bytes(kept) for kept in ctx.store.keyrings())]))


class _Stopwatch:
    """Times the steps of a drill, and tells of each as it begins."""

    def __init__(self, ctx: EngineContext) -> None:
        self._ctx = ctx
        self.steps: list[RotationStep] = []

    @contextmanager
    def step(self, name: StepName) -> Iterator[None]:
        self._ctx.emit(Progress(name, len(self.steps), None))
        began = self._ctx.clock.monotonic()
        yield
        self.steps.append(RotationStep(name, round((self._ctx.clock.monotonic() - began) * 1000)))
