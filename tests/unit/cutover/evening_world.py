"""A registry that two people share, a clock that waits for nobody, and steps that come to what a test says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.cutover.plan import Evening, StepState
from engine.cutover.steps import step_ids
from engine.demo.seed import furnish
from engine.ops import cutover_lease, cutover_steps, deploying
from engine.ops.cutover_lease import STALE_S
from engine.ops.cutover_steps import Outcome, Work
from engine.ops.evening import begin_evening, resume_evening
from engine.ops.results.cutover import CutoverShown
from engine.ports import CutoverLease
from engine.settings import Settings

Act = Callable[[Work], Outcome]
STEPS: Final = step_ids(("0", "25", "100"))
POLICY: Final = "lksg.v1"
ENV: Final = "stage"


class EveningWorld:
    """Everybody who works on the evening of one environment. Steps are good unless a test says otherwise."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._settings = replace(Settings(), env=ENV, state_dir=folder / "state")
        self._opened: list[EngineContext] = []
        self.clock = ManualClock()
        self.ctx = self.console("oncall")
        self.acts: dict[str, Act] = {}
        self.carried_out: Counter[str] = Counter()
        furnish(self.ctx)
        for step in STEPS:
            monkeypatch.setitem(cutover_steps.ACTS, step, self._act)
        target = SimpleNamespace(status=lambda: SimpleNamespace(revision=7))
        monkeypatch.setattr(deploying, "open_target", lambda ctx, name: target)
        # No beat but those that a test makes: the thread that beats goes by real time.
        monkeypatch.setattr(cutover_lease, "BEAT_S", 3600.0)

    def console(self, actor: str, **settings: object) -> EngineContext:
        """A console of its own on the same registry."""
        ctx = open_context(replace(self._settings, **settings), actor=actor, clock=self.clock)  # type: ignore[arg-type]
        self._opened.append(ctx)
        return ctx

    def run(self, ctx: EngineContext | None = None, *, headless: bool = True, patience: str = "10m") -> CutoverShown:
        """Begin an evening."""
        return begin_evening(
            ctx or self.ctx,
            target="local",
            policy=POLICY,
            canary="1s",
            headless=headless,
            approver="",
            patience=patience,
        )

    def resume(self, ctx: EngineContext | None = None, *, go: bool = False, headless: bool = True) -> CutoverShown:
        """Go on with it."""
        return resume_evening(ctx or self.ctx, go=go, headless=headless, approver="", patience="10m")

    def take_over(self, ctx: EngineContext) -> CutoverLease:
        """Be somebody who has watched the holder stand still for long enough."""
        self.clock.advance(2 * STALE_S)
        now, other = self.clock.now(), ctx.store.cutover_lease(ENV)
        lease = CutoverLease(ENV, "0badc0de", ctx.store.pseudonym(ctx.actor), "smoke", now, 1, now)
        assert ctx.store.take_cutover_lease(lease, instead_of=other)
        return lease

    def told(self) -> list[str]:
        """What the audit trail tells of the plan's changes, oldest first."""
        events = [record.event for record in reversed(self.ctx.store.audit_tail(limit=1000))]
        return [event.object.partition("/")[2] for event in events if event.action == "cutover.step"]

    def close(self) -> None:
        """Close what was opened."""
        for ctx in self._opened:
            ctx.close()

    def _act(self, work: Work) -> Outcome:
        step = work.evening.current
        assert step is not None
        self.carried_out[step.id] += 1
        return self.acts.get(step.id, good)(work)


def good(work: Work) -> Outcome:
    """A step that ends well."""
    step = work.evening.current
    assert step is not None
    return Outcome(StepState.DONE, f"proof of {step.id}")


def ends(state: StepState, evidence: str) -> Act:
    """A step that comes to this."""
    return lambda work: Outcome(state, evidence)


def raises(error: BaseException) -> Act:
    """A step that does not come to an end."""

    def act(work: Work) -> Outcome:
        raise error

    return act


def states(evening: Evening | None) -> dict[str, StepState]:
    """Where each step stands."""
    assert evening is not None
    return {step.id: step.state for step in evening.steps}
