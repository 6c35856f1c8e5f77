"""The evening as its commands use it: shown, begun, gone on with, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from engine.cutover.durations import read_duration
from engine.cutover.plan import Evening, Phase, begin, say_go
from engine.errors import EngineError, Held, InvalidInput, NotFound, Unavailable
from engine.ops.cutover_drive import Driver, drive
from engine.ops.cutover_kept import commit, end_rolled_back, latest, read_evening, require_stored
from engine.ops.cutover_lease import held_lease
from engine.ops.cutover_record import record_path
from engine.ops.cutover_steps import DEMO, shares_of
from engine.ops.results.cutover import CutoverShown
from engine.ops.target import policy_id
from engine.ops.view import rollback_service

if TYPE_CHECKING:
    from engine.context import EngineContext

PERCENTS: Final = ("0", "25", "100")
CANARY: Final = {True: "10s", False: "15m"}
"""How long a canary must be clean where nobody says it: in the demonstration, and elsewhere."""


def show(ctx: EngineContext) -> CutoverShown:
    """Where the environment's cutover stands, and who works on it."""
    evening = latest(ctx)
    lease = ctx.store.cutover_lease(ctx.env)
    actors = {step.actor for step in evening.steps} | {evening.begun_by} if evening else set()
    actors |= {lease.actor} if lease else set()
    names = {actor: ctx.store.actor_name(actor) for actor in actors if actor}
    path = record_path(ctx, evening) if evening else None
    record = path.name if path and path.exists() else ""
    return CutoverShown(ctx.env, ctx.clock.now(), evening, lease, names, record)


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
    canary_s, patience_s = canary_of(ctx, canary), read_duration(patience)
    if not 1 <= canary_s <= 4 * 3600:
        raise InvalidInput("cutover.canary", "A canary is watched for 1 s to 4 h", "Give --canary-for 15m.")
    _require_person(ctx, headless=headless)
    if ctx.rehearsing:
        evening = _begun(ctx, target, policy_id(ctx, policy), canary_s)
        return CutoverShown(ctx.env, ctx.clock.now(), evening, None, {evening.begun_by: ctx.actor}, "")
    with held_lease(ctx) as lease, _embedded_world(ctx, target):
        stored = ctx.store.cutover(ctx.env)
        if stored and read_evening(stored).phase is Phase.OPEN:
            hint = f"Go on with it: capctl cutover resume --env {ctx.env}; or end it: capctl cutover rollback."
            raise Held("cutover.open", f"A cutover of {ctx.env} is under way", hint)
        evening = _begun(ctx, target, policy_id(ctx, policy), canary_s)
        revision = commit(ctx, evening, stored.revision if stored else 0, "begin")
        drive(Driver(ctx, lease, headless, approver, patience_s), evening, revision)
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
    patience_s, target = read_duration(patience), read_evening(require_stored(ctx)).target
    if ctx.rehearsing:
        return show(ctx)
    with held_lease(ctx) as lease, _embedded_world(ctx, target):
        stored = require_stored(ctx)
        evening, revision = read_evening(stored), stored.revision
        if go and evening.waits_for_go:
            evening = say_go(evening, actor=ctx.store.pseudonym(ctx.actor))
            revision = commit(ctx, evening, revision, "go")
        drive(Driver(ctx, lease, headless, approver, patience_s), evening, revision)
    return show(ctx)


def take_back(ctx: EngineContext, policy: str | None, reason: str) -> CutoverShown:
    """Stop enforcing at once, then end the evening; see `engine.ops.cutover.rollback`.

    Nothing that could be slow stands before the transition: neither a lease, nor a probe, nor a source of evidence.
    """
    evening, unreadable = _latest_if_readable(ctx)
    target = policy or (evening.policy_id if evening else policy_id(ctx, None))
    if ctx.store.rollout(target) is not None:
        rollback_service(ctx).rollback(target, actor=ctx.actor, reason=reason)
    elif evening is None and unreadable is None:
        raise NotFound("cutover.none", f"There is no cutover of {ctx.env}", "Nothing is enforced; nothing to do.")
    if unreadable:
        raise Unavailable(unreadable.code, f"Nothing is enforced; but: {unreadable.message}", unreadable.hint)
    ended = evening is not None and end_rolled_back(ctx)
    taken_back = f"capctl deploy rollback --target {evening.target} --env {ctx.env}" if evening and ended else ""
    return replace(show(ctx), taken_back=taken_back, answers_rollback=True)


def _latest_if_readable(ctx: EngineContext) -> tuple[Evening | None, EngineError | None]:
    """A plan that cannot be read must keep nobody from stopping enforcement."""
    try:
        return latest(ctx), None
    except EngineError as error:
        return None, error


def _require_person(ctx: EngineContext, *, headless: bool) -> None:
    if headless and ctx.settings.is_production:
        raise Held(
            "cutover.headless_production",
            "In production a person says go, and --headless says it to everything",
            "Leave it out; say each go with capctl cutover resume --go.",
        )


def canary_of(ctx: EngineContext, canary: str) -> int:
    """Seconds that a canary is watched for: those that are said, else what is usual here."""
    return int(read_duration(canary or CANARY[ctx.env == DEMO]))


def percents_of(ctx: EngineContext, policy: str) -> tuple[str, ...]:
    """The shares a new cutover would go through: those of the policy's last rollout plan, else the default plan's."""
    state = ctx.store.rollout(policy)
    if ctx.env == DEMO or state is None:
        return PERCENTS
    return shares_of(state.plan)


@contextmanager
def _embedded_world(ctx: EngineContext, target: str) -> Iterator[None]:
    """Bring callers, verifiers and SAP up in the demonstration, unless they run; they end with the command."""
    from engine.ops.demo_world import demo_world

    if ctx.env != DEMO or target != "local":
        yield
        return
    world = demo_world(ctx, ctx.settings.state_dir, keeps_rollout=lambda _: True)
    with ExitStack() as stack:
        try:
            stack.enter_context(world)
        except Unavailable as error:
            if error.code != "demo.running":
                raise
        yield
