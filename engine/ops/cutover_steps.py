"""What each step of the evening does: an operation of the control room, and what its answer proves.

Every operation is run as a surface runs it, so each has its own intent and outcome in the audit trail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.context import Progress
from engine.cutover.plan import Evening, StepState
from engine.cutover.steps import ENFORCE, LOAD, REHEARSAL
from engine.drift.report import Answer, GateReport
from engine.errors import EngineError, Held, Refused, Unavailable
from engine.ids import hash_bytes
from engine.ops.catalogue import REGISTRY
from engine.ops.run import run
from engine.ops.view import rollout_service
from engine.readiness import load_checklist
from engine.rollout.plan import parse_percent, to_percent
from engine.rollout.state import Phase

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.rollout.state import RolloutPlan

LOOK_S: Final = 0.5
"""Between two looks at the gate."""
LOAD_RPS: Final = 20.0
UNDER_WAY: Final = (Phase.SHADOW, Phase.CANARY, Phase.PAUSED)
DEMO: Final = "demo"


class Outcome(NamedTuple):
    """How a step ended."""

    state: StepState
    evidence: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a step gets to work with."""

    ctx: EngineContext
    evening: Evening
    approver: str
    """The second person, where production asks for one."""
    patience_s: float
    """Longest wait for a gate that holds."""
    sleep: Callable[[float], None] = time.sleep

    def run(self, operation: str, **arguments: Any) -> Any:
        """Run an operation as a surface does."""
        return run(REGISTRY[operation], self.ctx, **arguments)

    @property
    def release(self) -> dict[str, Any]:
        """What is deployed where, as arguments."""
        local = self.evening.target == "local"
        values = {"values": [str(REHEARSAL)]} if local else {}
        return {"target": self.evening.target, **values}


def carry_out(work: Work) -> Outcome:
    """Carry out the running step. Whatever is not a yes is told as a no or a hold; nothing that is known is raised."""
    step = work.evening.current
    assert step is not None
    act = ACTS.get(step.id, _enforce)
    try:
        return act(work)
    except (Held, Unavailable) as error:
        return Outcome(StepState.HELD, _told(error))
    except EngineError as error:
        return Outcome(StepState.FAILED, _told(error))


def baseline(work: Work) -> int | None:
    """What there is before the current step: the release's revision before a deployment."""
    from engine.ops.deploying import open_target

    step = work.evening.current
    if step is None or step.id != "deploy":
        return None
    return open_target(work.ctx, work.evening.target).status().revision


def _told(error: EngineError) -> str:
    return f"{error.message}. {error.hint}"


def _of(answer: str, evidence: str) -> Outcome:
    states = {"yes": StepState.DONE, "no": StepState.FAILED, "hold": StepState.HELD}
    return Outcome(states[answer], evidence)


def _preflight(work: Work) -> Outcome:
    plan = work.run("deploy.plan", **work.release)
    what = f"{len(plan.diff.differences)} differences, chart {plan.diff.chart}"
    return _of(plan.answer, "; ".join((what, *plan.remarks)))


def _review(work: Work) -> Outcome:
    from engine.ops.review_rehearsal import enrol_for_rehearsal, waive_for_rehearsal

    ctx, signed = work.ctx, "signed"
    objections = _objections(work)
    if objections and ctx.env == DEMO:
        work.run("orr.check")
        enrol_for_rehearsal(ctx)
        waived, items = waive_for_rehearsal(ctx, work.approver), len(load_checklist().items)
        work.run("orr.sign", valid_days=1)
        objections = _objections(work)
        without = f"{waived} of {items} items, which this machine cannot have, waived for a day"
        signed = f"signed with the demonstration's own key, for a rehearsal: {without}"
    if not objections:
        return Outcome(StepState.DONE, f"{signed}, and the signature holds")
    why = "; ".join(objections)
    if ctx.settings.is_production:
        return Outcome(StepState.HELD, f"not signed: {why}")
    return Outcome(StepState.DONE, f"not signed, not needed here: {why}")


def _objections(work: Work) -> Sequence[str]:
    """What speaks against the readiness signature; empty where it holds."""
    review = work.ctx.readiness
    if review is None:
        return ("nobody has signed",)
    return review.objections(work.ctx.env, work.evening.policy_id, work.ctx.clock.now())


def _deploy(work: Work) -> Outcome:
    from engine.ops.deploying import open_target

    step, target = work.evening.current, open_target(work.ctx, work.evening.target)
    assert step is not None
    before = target.status()
    if step.attempts > 1 and before.is_ready and before.revision > (step.baseline or 0):
        return Outcome(StepState.DONE, f"revision {before.revision} was deployed before the interruption")
    made = work.run("deploy.apply", **work.release)
    return _of(made.answer, f"revision {made.revision} serves, before: {made.from_revision or 'none'}")


def _smoke(work: Work) -> Outcome:
    report = work.run("smoke.run", policy=work.evening.policy_id)
    good = len(report.checks) - len(report.failed)
    return _of(report.answer, f"{good} of {len(report.checks)} checks are good")


def _canary(work: Work) -> Outcome:
    short = work.evening.canary_s < 60
    last = None
    for row in work.run("canary.watch", duration=f"{work.evening.canary_s}s", interval="1s" if short else "5s"):
        last = row
        work.ctx.emit(Progress("canary", int(row.clean_s), int(row.for_s), "; ".join(row.reasons)))
    if last is None:
        return Outcome(StepState.HELD, "the canary was not seen")
    clean = f"clean for {last.clean_s:.0f} s of {last.for_s:.0f} s"
    told = (clean, work.evening.shortened, *last.reasons)
    return _of(last.answer, "; ".join(part for part in told if part))


def _start(work: Work) -> Outcome:
    """Begin at 0 %, unless a rollout waits there already."""
    from engine.demo.seed import begin, demo_plan

    ctx, policy = work.ctx, work.evening.policy_id
    state = ctx.store.rollout(policy)
    if ctx.env == DEMO:
        begin(ctx, demo_plan(), fresh=state is not None and state.basis_points > 0)
    elif state is not None and state.basis_points > 0:
        percent = to_percent(state.basis_points)
        hint = "Roll back first, or go on with the rollout itself."
        raise Refused("cutover.enforcing", f"{percent} % of {policy} is enforced already", hint)
    elif state is None or state.phase not in UNDER_WAY:
        work.run("rollout.start", policy=policy)
    return Outcome(StepState.DONE, "everything is measured, nothing is enforced")


def _enforce(work: Work) -> Outcome:
    """Wait for the gate and go up once; where the rollout is there already, somebody was interrupted after it."""
    step, ctx, policy = work.evening.current, work.ctx, work.evening.policy_id
    assert step is not None
    wanted = parse_percent(step.id.removeprefix(ENFORCE))
    service, began = rollout_service(ctx), ctx.clock.monotonic()
    while True:
        state = ctx.store.rollout(policy)
        if state is None or state.phase is Phase.ROLLED_BACK:
            raise Refused("cutover.rolled_back", "The rollout was rolled back", "Find out why; then begin again.")
        shares = shares_of(state.plan)
        if shares[1:] != work.evening.percents[1:]:
            told = f"The rollout goes through {', '.join(shares)} % by now, and this cutover does not"
            raise Refused("cutover.plan_changed", told, "Roll back, then begin a cutover for that plan.")
        if state.basis_points >= wanted:
            return Outcome(StepState.DONE, f"{to_percent(state.basis_points)} % is enforced since the gate was open")
        gate = service.gate(policy)
        if gate.answer is Answer.CLOSED:
            return Outcome(StepState.FAILED, f"the gate is closed: {_reasons(gate)}")
        if gate.answer is Answer.OPEN:
            return _promote(work, state.revision, _reasons(gate))
        waited_s = ctx.clock.monotonic() - began
        if waited_s > work.patience_s:
            return Outcome(StepState.HELD, f"the gate holds for {waited_s:.0f} s: {_reasons(gate)}")
        ctx.emit(Progress(step.id, int(waited_s), None, _reasons(gate)))
        work.sleep(LOOK_S)


def _reasons(gate: GateReport) -> str:
    """The conditions that decide, as they would be read out."""
    deciding = (condition.detail for condition in gate.conditions if condition.answer is gate.answer)
    return f"{gate.mismatches} of {gate.n} requests drifted" if gate.answer is Answer.OPEN else " ".join(deciding)


def shares_of(plan: RolloutPlan) -> tuple[str, ...]:
    """The percentages of a rollout plan, as the steps of an evening are named for."""
    return tuple(f"{to_percent(step.basis_points):g}" for step in plan.steps)


def _promote(work: Work, revision: int, why: str) -> Outcome:
    """Go up from the revision that was looked at: somebody else's promotion must not become two steps up."""
    changed = work.run(
        "rollout.promote",
        policy=work.evening.policy_id,
        reason=f"cutover {work.evening.id}",
        approver=work.approver,
        if_revision=revision,
    )
    return Outcome(StepState.DONE, f"{to_percent(changed.rollout.basis_points)} % is enforced: {why}")


def _load(work: Work) -> Outcome:
    """The objective under load, while a share is enforced; short where the canary is."""
    duration = f"{work.evening.load_s}s"
    report = work.run("load.run", rps=LOAD_RPS, duration=duration, policy=work.evening.policy_id)
    state = work.ctx.store.rollout(work.evening.policy_id)
    share = f"{to_percent(state.basis_points):g} % enforced" if state else "nothing enforced"
    times = ", ".join(f"{name} {report.latency_s[name] * 1000:.0f} ms" for name in ("p50", "p95", "p99"))
    what = f"{report.due} requests at {LOAD_RPS:g}/s for {duration}, {share}: {times}, {report.failed} failed"
    return _of(report.answer, "; ".join((what, *report.misses, *report.doubts)))


def _pilot(work: Work) -> Outcome:
    # The evening's own run id: whoever goes on with it writes nothing twice.
    written = work.run("pilot.run", run_id=f"RUN_{work.evening.id}")
    return Outcome(StepState.DONE, f"{written.proof}, run RUN_{work.evening.id}")


def _drills(work: Work) -> Outcome:
    drill = work.run("drill.restore")
    report = drill.report
    restored = (
        f"restored in {report.rto_ms} ms, recovery point {report.rpo_s:.0f} s; report {hash_bytes(drill.document)}"
    )
    if drill.answer == "no":
        return _of(drill.answer, restored)
    rotation = work.run("drill.rotation")
    verified = rotation.report.verified_old + rotation.report.verified_new
    rotated = f"rotated with {rotation.report.failed} of {verified} verifications failed"
    return _of(rotation.answer, f"{restored}; {rotated}; report {hash_bytes(rotation.document)}")


def _sign_off(work: Work) -> Outcome:
    step = work.evening.current
    assert step is not None
    return Outcome(StepState.DONE, f"signed off by {work.ctx.store.pseudonym(step.go)}")


ACTS: Final[dict[str, Callable[[Work], Outcome]]] = {
    "preflight": _preflight,
    "orr": _review,
    "deploy": _deploy,
    "smoke": _smoke,
    "canary": _canary,
    "enforce-0": _start,
    LOAD: _load,
    "pilot": _pilot,
    "drills": _drills,
    "sign-off": _sign_off,
}
"""By step; those that enforce a share are one function."""
