"""Cutover: the evening as one plan, what happens right now, who drives it, and the one thing to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from capctl.tui.availability import why_not
from capctl.tui.bind import operation_bindings
from capctl.tui.confirmation import Field, Question, environment, gate_line
from capctl.tui.cutover import (
    WORKING,
    evening_of,
    is_stale,
    look_of,
    needs_approver,
    open_evening,
    other_driver,
    own_run,
    rows_of,
)
from capctl.tui.cutover_words import came_to
from capctl.tui.messages import Call
from capctl.tui.modals.step import StepDialog
from capctl.tui.runbooks import STEPS
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.conditions import Conditions
from capctl.tui.widgets.cutover_answer import CutoverAnswer
from capctl.tui.widgets.cutover_detail import CutoverDetail, details
from capctl.tui.widgets.cutover_history import CutoverHistory
from capctl.tui.widgets.cutover_steps import CutoverSteps
from capctl.tui.widgets.drift_panel import DriftPanel
from capctl.tui.wording import duration, rollout_share
from engine.cutover.plan import Step, StepState
from engine.cutover.steps import ENFORCE, kind_of
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Operation
from engine.rollout.state import Phase
from engine.settings import PRODUCTION

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.cutover import CutoverLook

RECORDS: Final = 24
"""Audit records that are looked at."""
BEGIN, GO_ON, BACK, REPORT = "cutover.run", "cutover.resume", "cutover.rollback", "cutover.report"


class CutoverScreen(ConsoleScreen):
    """The answer; the steps; the chosen step. In a large terminal also the gate, the drift, and who did what."""

    ENTRY = entry_of("cutover")
    EXPLAINED = (CutoverSteps,)
    INSTEAD: ClassVar[Mapping[str, str]] = {"rollout.rollback": BACK}
    SAMPLED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding("g", "go_on", "Begin the cutover, say go, or go on where it stopped", id="cutover.go_on"),
    ]
    CSS_PATH = "cutover.tcss"
    AUTO_FOCUS = "CutoverSteps"

    def __init__(self) -> None:
        super().__init__()
        self._followed: set[int] = set()
        """Numbers of the runs whose end is told."""

    def body(self) -> ComposeResult:
        """Lay out the panels."""
        yield CutoverAnswer(id="answer")
        with Container(id="plan"):
            yield CutoverSteps(id="steps")
            yield Conditions(id="gate")
            yield CutoverDetail(id="detail")
            yield DriftPanel(id="drift")
            yield CutoverHistory(id="history")
            yield ActivityLog(id="activity")

    def on_mount(self) -> None:
        """Call out what this console's runs come to: whoever waits for them looks elsewhere meanwhile."""
        self.room.state_changed.subscribe(self, self.call_out)

    def call_out(self, state: ConsoleState) -> None:
        """Say what has ended since; where this screen is seen, it says so itself, and only rings."""
        runs = [run for run in state.activities if run.call.op.id in (*WORKING, REPORT)]
        for run in runs:
            if run.number in self._followed and (told := came_to(run)):
                self.app.bell()
                if run.call.op.id == REPORT or self.room.console_screen is not self:
                    self.room.say(told.message, title=told.title, severity="information", timeout=15)
        self._followed = {run.number for run in runs if run.is_running}

    def take(self, ctx: EngineContext) -> CutoverLook:
        """Look at the plan, the lease and the trail."""
        from engine.ops.cutover_look import look

        return look(ctx, records=RECORDS)

    def arguments(self, op: Operation, state: ConsoleState) -> Mapping[str, Any]:
        """Where to deploy; and the go, where it is asked for."""
        evening = open_evening(state)
        if op.id == GO_ON and evening and evening.waits_for_go:
            return {"go": True}
        if op.id != BEGIN:
            return {}
        before = evening_of(state)
        target = "local" if state.env == "demo" else before.target if before else ""
        return {"target": target} if target else {}

    def why_not(self, op: Operation, state: ConsoleState) -> str:
        """One at a time, wherever they are; nothing to go on with; nothing to take back."""
        if op.id == BACK:
            return _why_no_way_back(state)
        if op.id == REPORT:
            return "" if evening_of(state) else "There was no cutover yet: there is nothing to tell."
        if op.id not in WORKING:
            return ""
        if own_run(state):
            return "It is under way; it goes on by itself until it needs you."
        if look_of(state) is None:
            return "Where the cutover stands is not known yet."
        if is_stale(state):
            return "What is known is too old to go on; b works all the same."
        if other := other_driver(state):
            return f"{other.name} is at {other.title} for {duration(other.since_s)}; g is free once they stop."
        if op.id == BEGIN:
            return "A cutover is under way: g goes on with it, b ends it." if open_evening(state) else ""
        return "" if open_evening(state) else "No cutover is under way; g begins one."

    def why_idle(self, action: str, state: ConsoleState) -> str:
        """Going on may be somebody else's."""
        return why_not(REGISTRY[_following(state)], state, self) if action == "go_on" else ""

    def runbook(self) -> str:
        """That of the chosen step."""
        chosen = self.query_one(CutoverSteps).chosen(self.room.state)
        return STEPS.get(chosen.step.id, super().runbook()) if chosen else super().runbook()

    def question(self, call: Call, state: ConsoleState) -> Question | None:
        """Name the step, the environment, what it needs, and the way back."""
        if call.op.id == BEGIN:
            return _about_beginning(call, state)
        if call.op.id == BACK:
            return _about_going_back(state)
        return _about_going_on(call, state) if call.op.id == GO_ON else None

    def action_go_on(self) -> None:
        """Ask about what comes next."""
        self.room.action_run_operation(_following(self.room.state))

    @on(CutoverSteps.StepChosen)
    def show_chosen(self) -> None:
        """Show the step that is looked at."""
        self.query_one(CutoverDetail).show_state(self.room.state)

    @on(CutoverSteps.StepOpened)
    def open_chosen(self) -> None:
        """Show everything about it."""
        state = self.room.state
        if chosen := self.query_one(CutoverSteps).chosen(state):
            title = f"Step {chosen.number} of {len(rows_of(state))}: {chosen.kind.title}"
            self.room.push_screen(StepDialog(title, details(chosen, state, self.room.zone)))


def _following(state: ConsoleState) -> str:
    """The operation that leads on."""
    return GO_ON if open_evening(state) or (own_run(state) is None and other_driver(state)) else BEGIN


def _why_no_way_back(state: ConsoleState) -> str:
    # Unless it is certain that there is nothing to take back, the way back to safety stays open.
    if state.snapshot is None or state.lost or look_of(state) is None or open_evening(state):
        return ""
    if state.rollout is None:
        return "There is nothing to roll back: no cutover is under way, and nothing is enforced."
    return "It is rolled back already: nothing is enforced." if state.rollout.phase is Phase.ROLLED_BACK else ""


def _about_beginning(call: Call, state: ConsoleState) -> Question:
    asks = [row.kind.title for row in rows_of(state) if row.kind.needs_go]
    where = "on this machine" if call.arguments.get("target") == "local" else "to the cluster"
    return Question(
        title=f"Begin a cutover in {environment(state.env)}?",
        consequence=f"Looks around, then asks you before: {', '.join(asks)}. It deploys {where}.{_scale(state)}",
        evidence="Whoever is on call can go on with it, here or elsewhere; b takes it back at any time.",
        verb="Begin",
        fields=_typed(state),
        grave=state.env == PRODUCTION,
    )


def _scale(state: ConsoleState) -> str:
    """What a cutover of this environment would shorten, in a sentence."""
    look = look_of(state)
    return f" Shortened: {look.shortened}." if look and look.shortened else ""


def _about_going_on(call: Call, state: ConsoleState) -> Question | None:
    evening = open_evening(state)
    step = evening.current if evening else None
    if step is None:
        return None
    kind, asked = kind_of(step.id), bool(call.arguments.get("go"))
    in_production = state.env == PRODUCTION
    approver = (Field("approver", "Approver: the second person"),) if needs_approver(step, state) else ()
    way_back = f"capctl {kind.way_back}" if kind.way_back else "it changes nothing"
    no_go = " n is no-go: everything stays as it is." if asked else ""
    return Question(
        title=f"{kind.title}: {'go or no-go' if asked else 'go on'} in {environment(state.env)}?",
        consequence=f"It needs: {kind.proof}. {_afterwards(step, state)} Way back: {way_back}.{no_go}",
        evidence=gate_line(state) if step.id.startswith(ENFORCE) else _before(step, state),
        verb="Go" if asked else "Go on",
        fields=(*approver, *_typed(state)) if asked and in_production else (),
        grave=in_production,
    )


def _afterwards(step: Step, state: ConsoleState) -> str:
    """How far it goes by itself."""
    rows = rows_of(state)
    place = next(place for place, row in enumerate(rows) if row.step.id == step.id)
    asked = next((row.kind.title for row in rows[place + 1 :] if row.kind.needs_go), "")
    return f"Then it goes on by itself up to {asked}." if asked else "Then the cutover is done."


def _before(step: Step, state: ConsoleState) -> str:
    """What the step before showed."""
    rows = rows_of(state)
    place = next(place for place, row in enumerate(rows) if row.step.id == step.id)
    if place == 0 or step.state is not StepState.WAITING:
        return "What was done is not done again."
    return f"{rows[place - 1].kind.title}: {rows[place - 1].step.evidence}."


def _about_going_back(state: ConsoleState) -> Question:
    share = f" {rollout_share(state.rollout.basis_points)} → 0 %" if state.rollout else ""
    driver = other_driver(state)
    who = f"{driver.name} is at {driver.title}; they stop after it." if driver else "What is deployed stays deployed."
    return Question(
        title=f"Roll back in {environment(state.env)}:{share}?" if share else f"Roll back in {environment(state.env)}?",
        consequence="Nothing will be enforced, at once; everything goes on being measured. The cutover ends.",
        evidence=who,
        verb="Roll back",
    )


def _typed(state: ConsoleState) -> tuple[Field, ...]:
    return (Field("", f"Type {PRODUCTION} to go on", PRODUCTION),) if state.env == PRODUCTION else ()
