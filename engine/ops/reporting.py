"""Gathering what a report tells, from where each thing was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from engine.canonical import canonical_json
from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import EngineError
from engine.ids import hash_bytes
from engine.ops.cutover_kept import latest
from engine.ops.target import policy_id
from engine.ops.trail import Filter, read_trail
from engine.report.record import Change, Line, Record, Step, Trial
from engine.rollout.plan import to_percent

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.cutover.plan import Evening
    from engine.cutover.records import Kind
    from engine.ports import RolloutChange

LONGEST_HISTORY: Final = 1_000
"""Most transitions that a report tells."""


def compose(ctx: EngineContext, policy: str | None, since: str) -> Record:
    """Gather the record of a policy's cutover.

    Args:
        ctx: Whose registry.
        policy: Which policy; None for the usual one.
        since: RFC 3339; empty for everything.

    Raises:
        InvalidInput: `since` is no time.
        Unavailable: The registry cannot be read.
    """
    target, begin = policy_id(ctx, policy), from_rfc3339(since) if since else None
    published, rollout = ctx.store.published(target), ctx.store.rollout(target)
    changes = tuple(_changes(ctx, target, begin))
    export, evening = _export(ctx), latest(ctx)
    return Record(
        made_at=ctx.clock.now(),
        env=ctx.env,
        policy_id=target,
        policy_hash=published.policy_hash if published else "",
        ir_hash=published.ir_hash if published else "",
        percent=to_percent(rollout.basis_points) if rollout else None,
        phase=rollout.phase.value if rollout else "",
        facts=tuple(_facts(ctx)),
        steps=tuple(_steps(evening)),
        changes=changes,
        trials=tuple(sorted(_trials(ctx, begin, changes), key=lambda trial: trial.at)),
        trail=tuple(_lines(ctx, since)),
        export=export,
        shortened=evening.shortened if evening else "",
    )


def written(record: Record, format: str) -> bytes:
    """A record as a document: `html`, `markdown` or `json`."""
    if format == "json":
        return canonical_json(record.to_json()) + b"\n"
    if format == "markdown":
        from engine.report.markdown import to_markdown

        return to_markdown(record)
    from engine.report.html import to_html

    return to_html(record)


def _facts(ctx: EngineContext) -> Iterator[tuple[str, str]]:
    from engine.trust.custody import custody_of

    ring = custody_of(ctx).keyring()
    state = ctx.store.audit_state()
    yield "keyring", f"version {ring.version}" if ring else "none yet"
    yield "audit trail", f"{state.head.seq} records, signed up to {state.covered.size}"
    yield "readiness", _readiness(ctx)


def _readiness(ctx: EngineContext) -> str:
    """Who has signed the readiness review, until when, and whether that holds."""
    from engine.ops.reviewing import verify_signature

    signature = verify_signature(ctx, "").signature
    objections = "; ".join(signature.objections)
    if signature.statement is None:
        return f"not signed: {objections}"
    standing = f"no longer holds: {objections}" if objections else "holds"
    until = to_rfc3339(signature.statement.valid_until)
    return f"signed with key {signature.statement.kid} until {until}; {standing}"


def _steps(evening: Evening | None) -> Iterator[Step]:
    """The steps of the environment's latest cutover, if there was one."""
    from engine.cutover.steps import kind_of

    for step in evening.steps if evening else ():
        yield Step(kind_of(step.id).title, step.state.value, step.evidence, step.at)


def _changes(ctx: EngineContext, target: str, begin: datetime | None) -> Iterator[Change]:
    for change in reversed(ctx.store.rollout_history(target, limit=LONGEST_HISTORY)):
        if begin is None or change.state.changed_at >= begin:
            yield _change(ctx, change)


def _change(ctx: EngineContext, change: RolloutChange) -> Change:
    state, gate = change.state, change.evidence
    return Change(
        at=state.changed_at,
        actor=ctx.store.pseudonym(state.actor),
        action=change.action,
        percent=to_percent(state.basis_points),
        gate=gate if "conditions" in gate else None,
        break_glass=state.break_glass is not None,
        reason=hash_bytes(state.reason.encode()) if state.reason else "",
    )


def _trials(ctx: EngineContext, begin: datetime | None, changes: Sequence[Change]) -> Iterator[Trial]:
    from engine.cutover.records import read_records

    for kind, summary in _SUMMARIES.items():
        for kept in read_records(ctx.settings.state_dir, kind):
            result = {**kept, **kept.get("verdict", {})}
            at = from_rfc3339(result["at"])
            if begin is None or at >= begin:
                shares = [change.percent for change in changes if change.at <= at]
                enforced = f"; {shares[-1]:g} % enforced" if shares else ""
                yield Trial(kind, at, _answer(result), summary(result) + enforced, result)


def _answer(result: dict[str, Any]) -> str:
    return str(result["answer"]) if "answer" in result else "yes" if result["ok"] else "no"


def _smoke(result: dict[str, Any]) -> str:
    good = sum(check["ok"] for check in result["checks"])
    return f"{good} of {len(result['checks'])} checks are good"


def _load(result: dict[str, Any]) -> str:
    """The objective, and what came of it."""
    slo, plan = result["slo"], result["plan"]
    p95 = f"p95 {result['latency_s']['p95'] * 1000:.1f} ms, objective below {slo['p95_s'] * 1000:g} ms"
    failed = f"{result['failed']} failed, objective below {slo['error_ratio'] * 100:g} %"
    sent = f"{result['due']} requests at {plan['rps']:g}/s"
    return "; ".join([sent, p95, failed, *result["misses"], *result["doubts"]])


def _canary(result: dict[str, Any]) -> str:
    return "; ".join([f"clean for {result['clean_s']:.0f} s of {result['for_s']:.0f} s", *result["reasons"]])


_SUMMARIES: Final[dict[Kind, Callable[[dict[str, Any]], str]]] = {"smoke": _smoke, "canary": _canary, "load": _load}


def _lines(ctx: EngineContext, since: str) -> Iterator[Line]:
    trail = read_trail(ctx, Filter.of("", "", "", since, ""), 0)
    for shown in reversed(trail.records):
        record, event = shown.record, shown.record.event
        if event.outcome != "intent":
            yield Line(record.seq, record.at, event.actor, event.action, event.outcome, event.object, event.evidence)


def _export(ctx: EngineContext) -> bytes:
    """The signed export; empty where nothing was signed yet or the second place cannot be read."""
    from engine.ops.trail_documents import export_trail

    try:
        return export_trail(ctx).document
    except EngineError:
        return b""
