"""Working through the evening: one step after the other, each begun and ended in the registry before the next.

Whoever is killed between the two leaves a step that is begun; whoever goes on begins it again, and what may not be done
twice finds what was done (see `cutover_steps`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.audit import AuditEvent
from engine.canonical import canonical_json, strict_json
from engine.context import Progress
from engine.cutover.durations import read_duration
from engine.cutover.plan import Evening, StepState, begin, finish, roll_back, say_go, start
from engine.cutover.plan import Phase as Stage
from engine.errors import EngineError, Held, InvalidInput, NotFound, Unavailable
from engine.ops.cutover_lease import HeldLease, held_lease
from engine.ops.cutover_steps import DEMO, UNDER_WAY, Work, baseline, carry_out, lead_callers
from engine.ops.results.cutover import CutoverReport, CutoverShown
from engine.ops.target import policy_id
from engine.ports import StoredCutover
from engine.rollout.plan import to_percent
from engine.rollout.state import Phase

if TYPE_CHECKING:
    from engine.context import EngineContext

PERCENTS: Final = ("0", "25", "100")
CANARY: Final = {True: "10s", False: "15m"}
"""How long a canary must be clean where nobody says it: in the demonstration, and elsewhere."""
FOLDER: Final = "cutover"


def show(ctx: EngineContext, *, taken_back: str = "") -> CutoverShown:
    """Where the environment's cutover stands, and who works on it."""
    stored = ctx.store.cutover(ctx.env)
    evening = _read(stored) if stored else None
    lease = ctx.store.cutover_lease(ctx.env)
    actors = {step.actor for step in evening.steps} | {evening.begun_by} if evening else set()
    actors |= {lease.actor} if lease else set()
    names = {actor: ctx.store.actor_name(actor) for actor in actors if actor}
    path = _record_path(ctx, evening) if evening else None
    record = path.name if path and path.exists() else ""
    return CutoverShown(ctx.env, ctx.clock.now(), evening, lease, names, record, taken_back)


def begin_evening(
    ctx: EngineContext,
    *,
    target: str,
    policy: str | None,
    canary: str,
    headless: bool,
    approver: str,
    patience: str,
) -> CutoverShown:
    """Begin a new evening and work on it; see `engine.ops.cutover.run`."""
    canary_s = int(read_duration(canary or CANARY[ctx.env == DEMO]))
    if not 1 <= canary_s <= 4 * 3600:
        raise InvalidInput("cutover.canary", "A canary is watched for 1 s to 4 h", "Give --canary-for 15m.")
    _require_person(ctx, headless=headless)
    if ctx.rehearsing:
        evening = _begun(ctx, target, policy_id(ctx, policy), canary_s)
        return CutoverShown(ctx.env, ctx.clock.now(), evening, None, {evening.begun_by: ctx.actor}, "")
    with held_lease(ctx) as lease, _embedded_world(ctx, target):
        stored = ctx.store.cutover(ctx.env)
        if stored and _read(stored).phase is Stage.OPEN:
            hint = f"Go on with it: capctl cutover resume --env {ctx.env}; or end it: capctl cutover rollback."
            raise Held("cutover.open", f"A cutover of {ctx.env} is under way", hint)
        evening = _begun(ctx, target, policy_id(ctx, policy), canary_s)
        revision = _commit(ctx, evening, stored.revision if stored else 0, "begin")
        _work(ctx, evening, revision, lease, headless=headless, approver=approver, patience_s=read_duration(patience))
    return show(ctx)


def _begun(ctx: EngineContext, target: str, policy: str, canary_s: int) -> Evening:
    """A new evening, of which nothing is kept yet."""
    return begin(
        f"{ctx.clock.now():%Y%m%d_%H%M%S}_{ctx.random_bytes(3).hex()}",
        env=ctx.env,
        target=target,
        policy_id=policy,
        percents=percents_of(ctx, policy),
        canary_s=canary_s,
        actor=ctx.store.pseudonym(ctx.actor),
        at=ctx.clock.now(),
    )


def resume_evening(ctx: EngineContext, *, go: bool, headless: bool, approver: str, patience: str) -> CutoverShown:
    """Go on with the evening; see `engine.ops.cutover.resume`."""
    _require_person(ctx, headless=headless)
    target = _read(_require(ctx)).target
    if ctx.rehearsing:
        return show(ctx)
    with held_lease(ctx) as lease, _embedded_world(ctx, target):
        stored = _require(ctx)
        evening, revision = _read(stored), stored.revision
        if go and evening.waits_for_go:
            evening = say_go(evening, actor=ctx.store.pseudonym(ctx.actor))
            revision = _commit(ctx, evening, revision, "go")
        _work(ctx, evening, revision, lease, headless=headless, approver=approver, patience_s=read_duration(patience))
    return show(ctx)


def take_back(ctx: EngineContext, policy: str | None, reason: str) -> CutoverShown:
    """Stop enforcing at once, then end the evening; see `engine.ops.cutover.rollback`."""
    from engine.ops.view import rollout_service

    stored, evening = ctx.store.cutover(ctx.env), None
    # A plan that cannot be read must keep nobody from stopping enforcement.
    with suppress(EngineError):
        evening = _read(stored) if stored else None
    target = policy or (evening.policy_id if evening else policy_id(ctx, None))
    if ctx.store.rollout(target) is not None:
        rollout_service(ctx).rollback(target, actor=ctx.actor, reason=reason)
    elif stored is None:
        raise NotFound("cutover.none", f"There is no cutover of {ctx.env}", "Nothing is enforced; nothing to do.")
    taken_back = ""
    if stored and evening and evening.phase is Stage.OPEN:
        _commit(ctx, roll_back(evening), stored.revision, "rollback")
        taken_back = f"capctl deploy rollback --target {evening.target} --env {ctx.env}"
    return show(ctx, taken_back=taken_back)


def _work(
    ctx: EngineContext,
    evening: Evening,
    revision: int,
    lease: HeldLease,
    *,
    headless: bool,
    approver: str,
    patience_s: float,
) -> None:
    """Step after step, until one does not end well, wants a go, or none is left."""
    actor = ctx.store.pseudonym(ctx.actor)
    while (step := evening.current) is not None and evening.phase is Stage.OPEN:
        if evening.waits_for_go:
            if not headless:
                return
            evening = say_go(evening, actor=actor)
        lease.at(step.id)
        number = evening.steps.index(evening.step(step.id))
        ctx.emit(Progress(step.id, number, len(evening.steps), output=f"{step.id} ..."))
        before = baseline(Work(ctx, evening, approver, patience_s))
        evening = start(evening, actor=actor, at=ctx.clock.now(), baseline=before)
        revision = _commit(ctx, evening, revision, step.id)
        outcome = carry_out(Work(ctx, evening, approver, patience_s))
        evening = finish(evening, outcome.state, outcome.evidence, at=ctx.clock.now())
        if _was_rolled_back(ctx, evening):
            evening = roll_back(evening)
        revision = _commit(ctx, evening, revision, step.id)
        ctx.emit(Progress(step.id, number + 1, len(evening.steps), output=f"{outcome.state.value}: {outcome.evidence}"))
        if outcome.state is not StepState.DONE:
            return
    if evening.phase is Stage.DONE:
        _write_record(ctx, evening)


def _was_rolled_back(ctx: EngineContext, evening: Evening) -> bool:
    """Whether enforcement was taken back after it had been begun: by a person, or by the closed gate."""
    state = ctx.store.rollout(evening.policy_id)
    begun = evening.step("enforce-0").state is StepState.DONE
    return begun and state is not None and state.phase is Phase.ROLLED_BACK


def _commit(ctx: EngineContext, evening: Evening, revision: int, what: str) -> int:
    """Keep the plan with its audit record; return its revision. Raises Conflict where somebody else went on."""
    actor = ctx.store.pseudonym(ctx.actor)
    event = AuditEvent("cutover.step", "done", actor, object=f"{evening.id}/{what}")
    stored = StoredCutover(ctx.env, revision + 1, canonical_json(evening.to_json()))
    ctx.store.commit_cutover(stored, expected_revision=revision, audit=event, at=ctx.clock.now())
    return revision + 1


def _read(stored: StoredCutover) -> Evening:
    document = strict_json(stored.document, what="the plan of the cutover")
    return Evening.from_json(document if isinstance(document, dict) else {})


def _require(ctx: EngineContext) -> StoredCutover:
    stored = ctx.store.cutover(ctx.env)
    if stored is None:
        raise NotFound("cutover.none", f"There is no cutover of {ctx.env}", "Begin one: capctl cutover run.")
    return stored


def _require_person(ctx: EngineContext, *, headless: bool) -> None:
    if headless and ctx.settings.is_production:
        raise Held(
            "cutover.headless_production",
            "In production a person says go, and --headless says it to everything",
            "Leave it out; say each go with capctl cutover resume --go.",
        )


def percents_of(ctx: EngineContext, policy: str) -> tuple[str, ...]:
    """The shares a new cutover would go through: those of the rollout that is under way, else the default plan's."""
    state = ctx.store.rollout(policy)
    if ctx.env == DEMO or state is None or state.phase not in UNDER_WAY:
        return PERCENTS
    return tuple(f"{to_percent(step.basis_points):g}" for step in state.plan.steps)


@contextmanager
def _embedded_world(ctx: EngineContext, target: str) -> Iterator[None]:
    """Bring callers and SAP up in the demonstration, unless they run; what was deployed there ends with the evening."""
    from engine.cutover.local.target import LocalTarget
    from engine.demo import DemoWorld

    if ctx.env != DEMO or target != "local":
        yield
        return
    world = DemoWorld(ctx.settings.state_dir, ctx.clock, settings=ctx.settings, actor=ctx.actor, start_rollout=False)
    with ExitStack() as stack:
        try:
            stack.enter_context(world)
        except Unavailable as error:
            if error.code != "demo.running":
                raise
            yield
            return
        lead_callers(ctx)
        yield
        stored = ctx.store.cutover(ctx.env)
        if stored and _read(stored).phase is not Stage.OPEN:
            LocalTarget(ctx.settings, ctx.clock, actor=ctx.actor).stop()


def _record_path(ctx: EngineContext, evening: Evening) -> Path:
    return ctx.settings.state_dir / FOLDER / f"evening-{evening.id}.html"


def report_evening(ctx: EngineContext) -> CutoverReport:
    """Write the record of the latest cutover as it stands; see `engine.ops.cutover.report`."""
    evening = _read(_require(ctx))
    path = _record_path(ctx, evening)
    if evening.phase is Stage.OPEN:
        # The record of a whole evening keeps its name for the end.
        path = path.with_stem(f"{path.stem}-so-far")
    size = 0 if ctx.rehearsing else _write(ctx, evening, path)
    return CutoverReport(evening.id, path.name, str(path), size)


def _write_record(ctx: EngineContext, evening: Evening) -> None:
    path = _record_path(ctx, evening)
    if not path.exists():
        _write(ctx, evening, path)


def _write(ctx: EngineContext, evening: Evening, path: Path) -> int:
    """Write the record into a file; return its size in bytes."""
    from engine.clock import to_rfc3339
    from engine.ops.files import write_atomically
    from engine.ops.reporting import compose, written
    from engine.ops.trail_documents import make_checkpoint

    with suppress(EngineError):  # without it the record says that it cannot prove itself
        make_checkpoint(ctx, anew=False)
    document = written(compose(ctx, evening.policy_id, to_rfc3339(evening.begun_at)), "html")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(str(path), document)
    return len(document)
