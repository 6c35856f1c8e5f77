"""How the cutover commands read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Table, Tone, Toned
from capctl.text.views.words import NOTHING, moment
from engine.cutover.plan import Phase, Step, StepState
from engine.cutover.steps import kind_of
from engine.ops.results.cutover import CutoverReport, CutoverShown

STATES: Final = {
    StepState.WAITING: Toned("waiting ·", Tone.FAINT),
    StepState.RUNNING: Toned("RUNNING …", Tone.CAUTION),
    StepState.DONE: Toned("done ✓", Tone.GOOD),
    StepState.FAILED: Toned("FAILED ✗", Tone.BAD),
    StepState.HELD: Toned("HOLD !", Tone.CAUTION),
}
PHASES: Final = {Phase.OPEN: Tone.CAUTION, Phase.DONE: Tone.GOOD, Phase.ROLLED_BACK: Tone.BAD}


def shown(result: CutoverShown) -> Iterator[Block]:
    """Where it stands and what is next, before the steps."""
    evening = result.evening
    if evening is None:
        yield Line(f"There was no cutover of {result.env} yet.")
        yield Line(f"next: {result.next_step}", Tone.STRONG)
        return
    yield Line(f"{evening.phase.value.replace('_', ' ').upper()}  cutover {evening.id}", PHASES[evening.phase])
    if lease := result.lease:
        since_s = max(0, round((result.at - lease.since).total_seconds()))
        name = result.names.get(lease.actor, lease.actor)
        yield Line(f"{name} is running step {lease.step} since {since_s} s", Tone.CAUTION)
    if result.next_step:
        yield Line(f"next: {result.next_step}", Tone.STRONG)
    yield Facts(
        [
            ("environment", f"{evening.env}, target {evening.target}, policy {evening.policy_id}"),
            ("begun", f"{moment(evening.begun_at)} by {result.names.get(evening.begun_by, evening.begun_by)}"),
            *([("shortened", evening.shortened)] if evening.shortened else []),
            ("way back", result.way_back or NOTHING),
            ("record", result.record or NOTHING),
        ]
    )
    yield Gap()
    yield Table(["step", "state", "at", "evidence"], [_step(step) for step in evening.steps])


def _step(step: Step) -> list[Cell]:
    kind = kind_of(step.id)
    wants = f"wants a go; {kind.proof}" if kind.needs_go else kind.proof
    evidence: Cell = step.evidence or Toned(wants, Tone.FAINT)
    return [kind.title, STATES[step.state], moment(step.at) if step.at else NOTHING, evidence]


def written(result: CutoverReport) -> Iterator[Block]:
    """Where the record lies."""
    yield Line(f"written: {result.path}" if result.size else f"would be written: {result.path}", Tone.STRONG)
    if result.size:
        yield Line(f"{result.size:,} bytes; it opens in a browser and proves itself: capctl audit verify --file FILE")


VIEWS = {f"cutover.{verb}": shown for verb in ("status", "run", "resume", "rollback")} | {"cutover.report": written}
