"""Driving an evening: step after step, each begun and ended in the registry before the next.

Whoever is killed between the two leaves a step that is begun; whoever goes on begins it again, and what may not be done
twice finds what was done (see `cutover_steps`). Whoever loses the lease stops, and changes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.context import Progress
from engine.cutover.plan import Evening, Phase, StepState, finish, roll_back, say_go, start
from engine.errors import Conflict
from engine.ops.cutover_kept import commit, latest
from engine.ops.cutover_lease import HeldLease, fenced
from engine.ops.cutover_record import write_record
from engine.ops.cutover_steps import Work, baseline, carry_out
from engine.rollout.state import Phase as RolloutPhase

if TYPE_CHECKING:
    from engine.context import EngineContext


@dataclass(frozen=True, slots=True)
class Driver:
    """Whoever works on an evening, and how."""

    ctx: EngineContext
    lease: HeldLease
    headless: bool
    """Whether every go is said without asking."""
    approver: str
    """The second person, where production asks for one."""
    patience_s: float
    """Longest wait for a gate that holds."""


def drive(driver: Driver, evening: Evening, revision: int) -> None:
    """Go on until a step does not end well, wants a go, or none is left; then write the record.

    An evening that somebody rolls back meanwhile ends here without an error: that is what they wanted.

    Args:
        driver: Who works on it.
        evening: As the registry keeps it.
        revision: Of it there.

    Raises:
        Conflict: Somebody else has taken over.
        Unavailable: The registry cannot be read or written.
    """
    try:
        evening = _go_on(driver, evening, revision)
    except Conflict:
        now = latest(driver.ctx)
        if now is None or (now.id, now.phase) != (evening.id, Phase.ROLLED_BACK):
            raise
        return
    if evening.phase is Phase.DONE:
        write_record(driver.ctx, evening)


def _go_on(driver: Driver, evening: Evening, revision: int) -> Evening:
    while (step := evening.current) is not None and evening.phase is Phase.OPEN:
        if evening.waits_for_go:
            if not driver.headless:
                break
            evening = say_go(evening, actor=driver.ctx.store.pseudonym(driver.ctx.actor))
        evening, revision = _one_step(driver, evening, revision)
        if evening.step(step.id).state is not StepState.DONE:
            break
    return evening


def _one_step(driver: Driver, evening: Evening, revision: int) -> tuple[Evening, int]:
    """Begin the next step, carry it out, end it; the evening after it and its revision."""
    ctx, step = fenced(driver.ctx, driver.lease), evening.current
    assert step is not None
    number, total = evening.steps.index(step), len(evening.steps)
    driver.lease.at(step.id)
    ctx.emit(Progress(step.id, number, total, output=f"{step.id} ..."))
    before = baseline(Work(ctx, evening, driver.approver, driver.patience_s))
    begun = start(evening, actor=ctx.store.pseudonym(ctx.actor), at=ctx.clock.now(), baseline=before)
    revision = commit(ctx, begun, revision, step.id)
    outcome = carry_out(Work(ctx, begun, driver.approver, driver.patience_s))
    # A step tells every error as its outcome, that of a lost lease as well.
    driver.lease.require()
    ended = finish(begun, outcome.state, outcome.evidence, at=ctx.clock.now())
    if _was_rolled_back(ctx, ended):
        ended = roll_back(ended)
    revision = commit(ctx, ended, revision, step.id)
    ctx.emit(Progress(step.id, number + 1, total, output=f"{outcome.state.value}: {outcome.evidence}"))
    return ended, revision


def _was_rolled_back(ctx: EngineContext, evening: Evening) -> bool:
    """Whether enforcement was taken back after it had been begun: by a person, or by the closed gate."""
    state = ctx.store.rollout(evening.policy_id)
    begun = evening.step("enforce-0").state is StepState.DONE
    return begun and state is not None and state.phase is RolloutPhase.ROLLED_BACK
