"""Production with one policy, and the steps that lead to a signature over its review."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.bootstrap import open_context
from engine.clock import Clock, ManualClock
from engine.context import EngineContext
from engine.ops import reviewing
from engine.readiness.items import Attestation, Probe, load_checklist
from engine.readiness.review import Answer, Finding
from engine.readiness.reviews import Kept, commit_review, load_review
from engine.rollout.authority import require_forward
from engine.settings import Settings
from engine.trust.custody import custody_of
from engine.trust.keyfile import KeyPurpose
from tests.samples.stored import make_event, make_ir

POLICY = "p.v1"
DIGEST = "sha3-256:" + "4" * 64


def open_again(state_dir: Path, clock: Clock, **said: Any) -> EngineContext:
    """Production's registry, as somebody sees it whose release says this of itself."""
    return open_context(Settings(env="prod", state_dir=state_dir, **said), actor="oncall", clock=clock)


@contextmanager
def open_prod(state_dir: Path) -> Iterator[EngineContext]:
    """A new registry of production, with one policy and a key for the tech lead."""
    clock = ManualClock()
    with open_again(state_dir, clock) as ctx:
        custody_of(ctx).enrol([KeyPurpose.REGISTRY, KeyPurpose.CHECKPOINT, KeyPurpose.ORR])
        ctx.store.publish(make_ir(POLICY), b"id: p.v1\n", at=clock.now(), audit=make_event())
        yield ctx


def find(ctx: EngineContext, answer: Answer = Answer.PASSED, only: str = "") -> None:
    """A round of probes that finds the same everywhere."""
    finding = Finding(answer, "seen", ctx.clock.now(), DIGEST)
    probed = [item.id for item in load_checklist().items if isinstance(item.check, Probe)]
    before = load_review(ctx.store, ctx.env)
    review = before.review.with_findings({item: finding for item in probed if only in ("", item)})
    after = Kept(review, before.envelope)
    commit_review(ctx.store, before, after, action="orr.check", actor="op-0123456789ab", at=ctx.clock.now())


def complete(ctx: EngineContext, folder: Path) -> None:
    """Meet every item."""
    proof = folder / "proof.txt"
    proof.write_text("shown")
    for item in load_checklist().items:
        if isinstance(item.check, Attestation):
            reviewing.attest_item(ctx, item.id, [str(proof)])
    find(ctx)


def promote(ctx: EngineContext) -> None:
    """Ask whether production may go forward, as every surface does."""
    require_forward(
        ctx.settings,
        ctx.readiness,
        policy_id=POLICY,
        basis_points=2_500,
        actor="oncall",
        approver="",
        at=ctx.clock.now(),
    )
