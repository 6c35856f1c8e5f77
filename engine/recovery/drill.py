"""The restore drill: a backup is restored into an empty place, a verifier is started there, and everything is compared.

What it proves is what an operator needs to know at night: that the backup can be restored with the identity and the
keys at hand, that every policy comes back as it was, and how long it takes (recovery time) and how much is missing
(recovery point). The live registry is only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from engine.canonical import canonical_json
from engine.clock import to_rfc3339
from engine.context import EngineContext, Progress, ignore_progress
from engine.errors import EngineError
from engine.policy.reading import read_ir
from engine.recovery.backup import create_backup
from engine.recovery.encryption import generate_identity, read_identities
from engine.recovery.manifest import PolicyMark
from engine.recovery.opening import open_backup
from engine.recovery.rehearsal import running_verifier
from engine.recovery.reports import TYPES
from engine.recovery.restore import restore_backup
from engine.recovery.staging import staging
from engine.recovery.trust import Trust
from engine.trust.dsse import seal

if TYPE_CHECKING:
    import httpx

    from engine.trust.signer import Signer

REPORT_TYPE: Final = TYPES["restore"]
"""The payload type of a drill's signed report."""

MOST_DIFFERENCES: Final = 100
"""Differences that are named; with more, a longer list tells nobody anything."""


StepName: TypeAlias = Literal["backup", "open", "restore", "start", "compare"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DrillStep:
    """A part of a drill."""

    name: StepName
    duration_ms: int

    def to_json(self) -> dict[str, Any]:
        """The step as JSON data."""
        return {"name": self.name, "duration_ms": self.duration_ms}


@dataclass(frozen=True, slots=True)
class Difference:
    """A policy that did not come back as it was."""

    policy_id: str
    problem: str

    def to_json(self) -> dict[str, Any]:
        """The difference as JSON data."""
        return {"policy_id": self.policy_id, "problem": self.problem}


@dataclass(frozen=True, slots=True)
class DrillReport:
    """What a restore drill has shown."""

    env: str
    started_at: datetime
    backup_id: str
    manifest_sha3: str
    backed_up_at: datetime
    is_fresh: bool
    """Whether the backup was made for the drill; else it was one that is kept."""
    ready_status: int
    """What `/readyz` answered: 200, or 503 with the reasons below."""
    ready_reasons: tuple[str, ...]
    policies: int
    equal: int
    """Policies whose content, IR hash and entity tag are those of the backup."""
    differences: tuple[Difference, ...]
    steps: tuple[DrillStep, ...]
    records_since: int
    """Audit records that the live registry has made since the backup: they would be lost."""

    @property
    def rto_ms(self) -> int:
        """Recovery time: from taking the backup in hand until every policy was answered, in milliseconds."""
        return sum(step.duration_ms for step in self.steps if step.name != "backup")

    @property
    def rpo_s(self) -> float:
        """Recovery point: how old the backup was when the drill began to restore it, in seconds."""
        return max((self.started_at - self.backed_up_at).total_seconds(), 0.0)

    @property
    def answer(self) -> Literal["yes", "no"]:
        """Yes when a verifier is ready on the restored registry and every policy is what it was."""
        return "yes" if self.ready_status == 200 and self.equal == self.policies > 0 else "no"

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "drill": "restore",
            "ok": self.answer == "yes",
            "env": self.env,
            "started_at": to_rfc3339(self.started_at),
            "backup": {
                "id": self.backup_id,
                "manifest_sha3": self.manifest_sha3,
                "created_at": to_rfc3339(self.backed_up_at),
                "is_fresh": self.is_fresh,
            },
            "readyz": {"status": self.ready_status, "reasons": list(self.ready_reasons)},
            "policies": self.policies,
            "equal": self.equal,
            "differences": [difference.to_json() for difference in self.differences],
            "rto_ms": self.rto_ms,
            "rpo_ms": round(self.rpo_s * 1000),
            "records_since": self.records_since,
            "steps": [step.to_json() for step in self.steps],
        }

    def sealed(self, signer: Signer) -> bytes:
        """The report as a DSSE envelope."""
        return seal(REPORT_TYPE, canonical_json(self.to_json()), [signer])


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup that is kept, and what it takes to restore it."""

    archive: Path
    identity_file: Path
    trust: Trust


def drill_restore(ctx: EngineContext, signer: Signer, kept: KeptBackup | None = None) -> DrillReport:
    """Restore a backup beside the live registry, start a verifier on it and compare.

    Args:
        ctx: Of the live registry; progress is told to it.
        signer: The backup key, for a backup that is made for the drill.
        kept: The backup to restore; None to make one, encrypted to an identity that ends with the drill.

    Raises:
        Refused: The backup is not believed, or cannot be restored: the drill has failed.
        Unavailable: A disk fails, or the verifier does not start.
    """
    watch = _Stopwatch(ctx)
    with staging(ctx.settings.state_dir, "drill") as folder, ExitStack() as running:
        chosen = kept or watch.step("backup", lambda: _make(ctx, folder, signer))
        started_at = ctx.clock.now()
        opened = watch.step("open", lambda: open_backup(chosen.archive, chosen.trust, emit=ctx.emit))
        target = folder / "restored"
        identities = read_identities(chosen.identity_file)
        watch.step("restore", lambda: restore_backup(ctx, opened, target, identities))
        verifier = running_verifier(ctx.settings, target, ctx.clock)
        client = watch.step("start", lambda: running.enter_context(verifier))
        ready = client.get("/readyz")
        differences = watch.step("compare", lambda: tuple(compare(client, opened.manifest.policies, ctx.emit)))
    manifest = opened.manifest
    return DrillReport(
        env=ctx.env,
        started_at=started_at,
        backup_id=manifest.id,
        manifest_sha3=opened.manifest_sha3,
        backed_up_at=manifest.created_at,
        is_fresh=kept is None,
        ready_status=ready.status_code,
        ready_reasons=tuple(map(str, ready.json().get("reasons", ()))),
        policies=len(manifest.policies),
        equal=len(manifest.policies) - len(differences),
        differences=differences[:MOST_DIFFERENCES],
        steps=tuple(watch.steps),
        records_since=max(ctx.store.audit_head().seq - manifest.audit.size, 0),
    )


def compare(
    client: httpx.Client, marks: Sequence[PolicyMark], emit: Callable[[Progress], None] = ignore_progress
) -> Iterator[Difference]:
    """Ask a verifier for every policy, and tell which are not what they were."""
    for done, mark in enumerate(marks):
        emit(Progress("comparing", done, len(marks), mark.policy_id))
        response = client.get(f"/policy/{mark.policy_id}")
        if problem := _problem(response, mark):
            yield Difference(mark.policy_id, problem)


def _problem(response: httpx.Response, mark: PolicyMark) -> str:
    if response.status_code != 200:
        return f"the verifier answers {response.status_code}"
    if response.headers.get("etag") != mark.etag:
        return "another entity tag"
    try:
        ir_hash = read_ir(response.content).ir_hash
    except EngineError:
        return "not an IR"
    return "" if ir_hash == mark.ir_hash else "another ir_hash"


def _make(ctx: EngineContext, folder: Path, signer: Signer) -> KeptBackup:
    """A backup for this drill, to an identity that nobody keeps."""
    identity_file, key = folder / "identity", signer.public_key
    recipient = generate_identity(identity_file)
    made = create_backup(ctx, folder / "backup", [recipient, *_second(ctx, folder)], signer)
    return KeptBackup(made.archive, identity_file, Trust({key.kid: key}))


def _second(ctx: EngineContext, folder: Path) -> list[str]:
    """The second recipient that production asks for."""
    return [generate_identity(folder / "second")] if ctx.settings.is_production else []


class _Stopwatch:
    """Times the steps of a drill, and tells of each as it begins."""

    def __init__(self, ctx: EngineContext) -> None:
        self._ctx = ctx
        self.steps: list[DrillStep] = []

    def step(self, name: StepName, act: Callable[[], T]) -> T:
        self._ctx.emit(Progress(name, len(self.steps), None))
        began = self._ctx.clock.monotonic()
        result = act()
        self.steps.append(DrillStep(name, round((self._ctx.clock.monotonic() - began) * 1000)))
        return result
