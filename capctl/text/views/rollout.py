"""How a rollout reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from capctl.text.layout import Block, Cell, Facts, Gap, Line, Table, Tone, Toned
from capctl.text.views.words import moment, percent, seconds, short
from engine.ops.results.rollout import PlanView, RolloutChanged, RolloutView
from engine.rollout.plan import to_percent
from engine.rollout.snapshot import HistoryEntry
from engine.rollout.state import Phase, RolloutState

NO_ROLLOUT: Final = "No rollout: nothing is enforced. 'capctl rollout start' begins one."
PHASE_TONES: Final = {Phase.ROLLED_BACK: Tone.BAD, Phase.PAUSED: Tone.CAUTION}


def shown(result: RolloutView) -> Iterator[Block]:
    """The state, the plan and the history."""
    if result.rollout is None:
        yield Facts([("policy", f"{result.policy_id} in {result.env}")])
        yield Line(NO_ROLLOUT)
        return
    yield Facts([("policy", f"{result.policy_id} in {result.env}"), *state_facts(result.rollout)])
    yield Gap()
    yield steps(result.rollout)
    if result.history:
        yield Gap()
        yield history(result.history)


def watched(result: RolloutView) -> Iterator[Block]:
    """One line a look, so that nothing that was said disappears."""
    if result.rollout is None or result.gate is None:
        yield Line(f"{moment(result.at)}  {NO_ROLLOUT}")
        return
    state, gate = result.rollout, result.gate
    waiting = f", {gate.samples_needed:,} more needed" if gate.samples_needed else ""
    where = f"{state.phase.value.replace('_', ' ')} at {to_percent(state.basis_points)} %"
    yield Line(
        f"{moment(result.at)}  {where}, gate {gate.answer.value}, {gate.mismatches:,} of {gate.n:,} drifted{waiting}"
    )


def changed(result: RolloutChanged) -> Iterator[Block]:
    """Where the transition led."""
    yield Facts([("policy", result.rollout.policy_id), *state_facts(result.rollout)])


def state_facts(state: RolloutState) -> list[tuple[str, Cell]]:
    """A state as labels and values."""
    facts: list[tuple[str, Cell]] = [
        ("rollout", Toned(state.phase.value.replace("_", " ").upper(), PHASE_TONES.get(state.phase, Tone.STRONG))),
        ("enforced", f"{to_percent(state.basis_points)} % of requests"),
        ("candidate", short(state.candidate_ir_hash) if state.candidate_ir_hash else "the published policy's own plan"),
        ("revision", f"{state.revision}, by {state.actor} at {moment(state.changed_at)}"),
    ]
    if state.reason:
        facts.append(("reason", state.reason))
    if state.break_glass:
        until = moment(state.break_glass.until)
        facts.append(("break-glass", Toned(f"until {until}: {state.break_glass.reason}", Tone.BAD)))
    return facts


def steps(state: RolloutState) -> Table:
    """The plan, with a mark at the step that runs."""
    rows: list[Sequence[Cell]] = [
        [
            Toned("▶", Tone.STRONG) if index == state.step_index else "",
            f"{to_percent(step.basis_points)} %",
            seconds(step.hold_s),
            percent(step.gate.drift_max_ratio),
        ]
        for index, step in enumerate(state.plan.steps)
    ]
    return Table(["", "enforced", "hold at least", "drift limit"], rows)


def history(entries: Sequence[HistoryEntry]) -> Table:
    """The latest transitions, newest first."""
    rows: list[Sequence[Cell]] = [
        [moment(e.at), f"{e.revision}", _action(e), f"{e.percent} %", e.actor, e.reason] for e in entries
    ]
    return Table(["at", "rev", "action", "enforced", "by", "reason"], rows)


def _action(entry: HistoryEntry) -> Cell:
    return Toned(f"{entry.action}, BREAK-GLASS", Tone.BAD) if entry.break_glass else entry.action


def plan(result: PlanView) -> Iterator[Block]:
    """A plan, and how much evidence each step will ask for."""
    yield Line("Promotes by itself on an open gate." if result.plan.auto else "Each promotion is made by hand.")
    yield Gap()
    rows = [
        [f"{step.percent} %", seconds(step.hold_s), percent(step.drift_max_ratio), f"{step.clean_requests:,}"]
        for step in result.steps
    ]
    yield Table(["enforced", "hold at least", "drift limit", "clean requests to open the gate"], rows)


VIEWS = {
    "rollout.show": shown,
    "rollout.watch": watched,
    "rollout.plan": plan,
    **dict.fromkeys(
        ("rollout.start", "rollout.set", "rollout.promote", "rollout.pause", "rollout.resume", "rollout.rollback"),
        changed,
    ),
}
