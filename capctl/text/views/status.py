"""The one-screen summary."""

from __future__ import annotations

from collections.abc import Iterator

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Table, Tone, Toned
from capctl.text.views import drift, rollout
from capctl.text.views.gate import gate
from capctl.text.views.words import moment, percent, seconds, short
from engine.rollout.snapshot import ControlSnapshot
from engine.rollout.state import RolloutState


def summary(snapshot: ControlSnapshot) -> Iterator[Block]:
    """What is wrong first; then the rollout, the gate, drift, traffic and the replicas."""
    for problem in snapshot.problems:
        yield Line(f"! {problem}", Tone.BAD)
    facts: list[tuple[str, Cell]] = [
        ("environment", Toned(snapshot.env, Tone.STRONG)),
        ("policy", f"{snapshot.policy_id}  {short(snapshot.ir_hash) if snapshot.ir_hash else 'not published'}"),
        ("at", moment(snapshot.at)),
    ]
    if snapshot.rollout is None:
        yield Facts(facts)
        yield Line(rollout.NO_ROLLOUT)
        return
    following = "" if snapshot.next_percent is None else f"next {snapshot.next_percent} %"
    yield Facts(
        [*facts, *rollout.state_facts(snapshot.rollout), ("plan", following or "complete"), *_traffic(snapshot)]
    )
    if snapshot.gate:
        yield Gap()
        yield from gate(snapshot.gate)
    yield Gap()
    yield drift.windows({**snapshot.windows, "step": snapshot.step})
    if snapshot.explained:
        yield Gap()
        yield drift.rules(snapshot.explained)
    if snapshot.replicas:
        yield Gap()
        yield Line(*_spread(snapshot, snapshot.rollout))
        yield _replicas(snapshot)


def _traffic(snapshot: ControlSnapshot) -> list[tuple[str, Cell]]:
    rate = f"{snapshot.requests_per_s:.1f}/s, p95 {seconds(snapshot.p95_s)}, 5xx {percent(snapshot.error_ratio)}"
    return [("traffic", rate)]


def _spread(snapshot: ControlSnapshot, rollout: RolloutState) -> tuple[str, Tone]:
    """How far the latest change has come: who answers and has it, who has not, and for how long it has been there."""
    have = [replica for replica in snapshot.replicas if not replica.stale and replica.revision >= rollout.revision]
    lack = [replica.name for replica in snapshot.replicas if replica not in have]
    text = f"{len(have)} of {len(snapshot.replicas)} verifiers have revision {rollout.revision}"
    if not lack:
        return text, Tone.PLAIN
    since = seconds((snapshot.at - rollout.changed_at).total_seconds())
    return f"{text}, made {since} ago; not known of {', '.join(lack)}", Tone.BAD


def _replicas(snapshot: ControlSnapshot) -> Table:
    rows = [
        [r.name, f"{r.revision}", Toned(f"SILENT {seconds(r.age_s)}", Tone.BAD) if r.stale else seconds(r.age_s)]
        for r in snapshot.replicas
    ]
    return Table(["verifier", "revision", "last report"], rows)


VIEWS = {"status.show": summary}
