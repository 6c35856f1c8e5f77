"""The readiness review as its commands use it: an environment's review is loaded, changed by one step, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.clock import from_rfc3339
from engine.errors import Conflict, InvalidInput, NotFound
from engine.ops.files import read_bytes
from engine.ops.results.orr import CheckedReview, Rendered, ShownReview, ShownSignature
from engine.readiness import SignedReadiness, load_checklist
from engine.readiness.evidence import MAX_BYTES, describe_evidence, keep_evidence
from engine.readiness.items import Attestation, Checklist, Item
from engine.readiness.probing import run_probes
from engine.readiness.review import Evidence, ItemState, Review, Waiver, judge
from engine.readiness.reviews import Kept, commit_review, load_review
from engine.readiness.world import hash_bound
from engine.trust.custody import custody_of

if TYPE_CHECKING:
    from engine.context import EngineContext


def show_review(ctx: EngineContext, wanted: Sequence[str]) -> ShownReview:
    """How items stand; all of them where none is named. Raises NotFound, Unavailable."""
    return _shown(ctx, load_review(ctx.store, ctx.env), wanted)


def check_items(
    ctx: EngineContext, wanted: Sequence[str], *, base: str, ca_file: str, client_certificate: str
) -> CheckedReview:
    """Run the probes of items and keep their findings."""
    from engine.ops.probes import observers_of

    items = _chosen(load_checklist(), wanted)
    observers = observers_of(ctx, base=base, ca_file=ca_file, client_certificate=client_certificate)
    findings = run_probes(items, observers, ctx.clock, emit=ctx.emit)
    # Loaded only now: what others said while the probes ran is no conflict with what they found.
    before = load_review(ctx.store, ctx.env)
    after = _keep(ctx, before, before.review.with_findings(findings), "orr.check") if findings else before
    shown = _shown(ctx, after, wanted)
    return CheckedReview(
        shown.env,
        shown.revision,
        shown.at,
        shown.areas,
        shown.states,
        shown.blocking,
        shown.signature,
        shown.names,
    )


def attest_item(ctx: EngineContext, item_id: str, files: Sequence[str]) -> ShownReview:
    """Keep a person's word, and the files that show it."""
    item = load_checklist().item(item_id)
    before = load_review(ctx.store, ctx.env)
    evidence = tuple(_evidence(ctx, file) for file in files) if isinstance(item.check, Attestation) else ()
    by, now = ctx.store.pseudonym(ctx.actor), ctx.clock.now()
    after = before.review.with_attestation(item, by=by, evidence=evidence, at=now)
    return _shown(ctx, _keep(ctx, before, after, "orr.attest"), [item_id])


def waive_item(
    ctx: EngineContext, item_id: str, *, reason: str, approver: str, until: str, days: int | None
) -> ShownReview:
    """Keep two people's decision to go without an item."""
    item, now = load_checklist().item(item_id), ctx.clock.now()
    end = _end(now, until, days)
    before = load_review(ctx.store, ctx.env)
    waiver = Waiver(ctx.store.pseudonym(ctx.actor), _second_person(ctx, approver), reason.strip(), now, end)
    after = before.review.with_waiver(item, waiver)
    return _shown(ctx, _keep(ctx, before, after, "orr.waive", reason=waiver.reason), [item_id])


def sign_review(ctx: EngineContext, valid_days: int, *, if_bound: str = "") -> ShownSignature:
    """Sign the review as it is, for the world as it is; where somebody was shown it before, only if it is still that.

    Raises:
        Conflict: It is not.
        As `SignedReadiness.sign`.
    """
    readiness = SignedReadiness(ctx.store, custody_of(ctx, asks=True), ctx.settings)
    before = load_review(ctx.store, ctx.env)
    if if_bound and if_bound != hash_bound(readiness.world(ctx.env), before.review.revision):
        raise Conflict(
            "orr.bound_changed",
            "What would be signed is no longer what was shown",
            "Look at it again: somebody has changed the review, the chart, a policy or a key meanwhile.",
        )
    now = ctx.clock.now()
    envelope = readiness.sign(ctx.env, before, now, lasts=timedelta(days=valid_days))
    after = Kept(before.review.signed(), envelope)
    commit_review(ctx.store, before, after, action="orr.sign", actor=ctx.store.pseudonym(ctx.actor), at=ctx.clock.now())
    return ShownSignature(ctx.env, readiness.signature(ctx.env, after, now), envelope)


def verify_signature(ctx: EngineContext, file: str) -> ShownSignature:
    """What a signature is worth now: the kept one, or that of a file. It reads the whole audit trail up to it."""
    kept = load_review(ctx.store, ctx.env)
    envelope = read_bytes(file, what="signature").strip() if file else kept.envelope
    readiness = SignedReadiness(ctx.store, custody_of(ctx), ctx.settings, trail_lines=None)
    signature = readiness.signature(ctx.env, Kept(kept.review, envelope), ctx.clock.now())
    return ShownSignature(ctx.env, signature, envelope)


def render_review(ctx: EngineContext, *, blank: bool) -> Rendered:
    """The checklist as Markdown."""
    from engine.readiness.rendering import Standings, render

    checklist, standings = load_checklist(), None
    if not blank:
        shown = show_review(ctx, ())
        standings = Standings(shown.env, shown.at, shown.states, shown.signature, shown.names)
    document = render(checklist, standings)
    return Rendered(document.encode(), len(checklist.items))


def _readiness(ctx: EngineContext) -> SignedReadiness:
    return SignedReadiness(ctx.store, custody_of(ctx), ctx.settings)


def _keep(ctx: EngineContext, before: Kept, review: Review, action: str, *, reason: str = "") -> Kept:
    after = Kept(review, before.envelope)
    actor = ctx.store.pseudonym(ctx.actor)
    commit_review(ctx.store, before, after, action=action, actor=actor, at=ctx.clock.now(), reason=reason)
    return after


def _shown(ctx: EngineContext, kept: Kept, wanted: Sequence[str]) -> ShownReview:
    return shown_review(ctx, kept, wanted, _readiness(ctx))


def shown_review(ctx: EngineContext, kept: Kept, wanted: Sequence[str], readiness: SignedReadiness) -> ShownReview:
    """A review that was loaded, as the commands show it. Raises as `SignedReadiness.signature`, and NotFound."""
    checklist, now = readiness.checklist, ctx.clock.now()
    states = judge(checklist, kept.review, now)
    chosen = {item.id for item in _chosen(checklist, wanted)}
    return ShownReview(
        env=ctx.env,
        revision=kept.review.revision,
        at=now,
        areas=dict(checklist.areas),
        states=tuple(state for state in states if state.item.id in chosen),
        blocking=tuple(state.item.id for state in states if state.blocks),
        signature=readiness.signature(ctx.env, kept, now),
        names=_names(ctx, states),
    )


def _names(ctx: EngineContext, states: Sequence[ItemState]) -> dict[str, str]:
    people = {state.attested.by for state in states if state.attested}
    people |= {person for state in states if state.waiver for person in (state.waiver.by, state.waiver.approver)}
    return {pseudonym: ctx.store.actor_name(pseudonym) for pseudonym in sorted(people)}


def _chosen(checklist: Checklist, wanted: Sequence[str]) -> list[Item]:
    """The items of these ids and areas, in the checklist's order.

    Raises:
        NotFound: There is no such item or area.
    """
    known = {item.id for item in checklist.items} | checklist.areas.keys()
    for name in wanted:
        if name not in known:
            areas = ", ".join(checklist.areas)
            raise NotFound("orr.no_item", f"The review has no item or area {name[:64]!r}", f"The areas are {areas}.")
    return [item for item in checklist.items if not wanted or item.id in wanted or item.area in wanted]


def _evidence(ctx: EngineContext, file: str) -> Evidence:
    content = read_bytes(file, what="evidence", limit=MAX_BYTES)
    described = describe_evidence(file, content)
    if not ctx.store.is_pending:  # a dry run keeps nothing
        keep_evidence(ctx.settings.state_dir, described, content)
    return described


def _end(now: datetime, until: str, days: int | None) -> datetime:
    if bool(until) == (days is not None):
        raise InvalidInput("orr.waiver_end", "A waiver needs one end", "Give either --until TIME or --days N.")
    try:
        return from_rfc3339(until) if until else now + timedelta(days=days or 0)
    except OverflowError:
        raise InvalidInput("orr.waiver_end", "A waiver ends soon", "30 days at most.") from None


def _second_person(ctx: EngineContext, approver: str) -> str:
    """The approver's pseudonym; empty where it is the actor, however the name is spelt."""
    name = approver.strip()
    if not name or name.casefold() == ctx.actor.strip().casefold():
        return ""
    return ctx.store.pseudonym(name)
