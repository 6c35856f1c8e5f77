"""Deploy: what runs now, what an apply would change, how far it is, and whether what came of it is any good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from capctl.tui.activities import Activity
from capctl.tui.availability import why_not
from capctl.tui.bind import operation_bindings
from capctl.tui.command_line import spell
from capctl.tui.confirmation import Field, Question, environment
from capctl.tui.deploy import (
    APPLY,
    CHANGING,
    CHECKS,
    OWN,
    PLAN,
    ROLLBACK,
    change_under_way,
    fresh_plan,
    look_of,
    next_step,
    plan_run,
    running,
    status_of,
)
from capctl.tui.messages import Call
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.deploy_answer import DeployAnswer
from capctl.tui.widgets.deploy_checks import DeployChecks
from capctl.tui.widgets.deploy_detail import DeployDetail
from capctl.tui.widgets.deploy_release import DeployRelease
from engine.cutover.steps import REHEARSAL
from engine.cutover.target import Phase, ReleaseStatus
from engine.ops.catalogue import REGISTRY
from engine.ops.results.deploy import TargetName
from engine.ops.spec import Operation
from engine.settings import PRODUCTION

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.deploy_look import DeployLook

RELEASE: Final = "cap"
"""The release that is looked at; the cutover's own."""
PLACES: Final[Mapping[TargetName, str]] = {"local": "on this machine", "kubernetes": "to the cluster"}


class DeployScreen(ConsoleScreen):
    """The answer; what runs; the checks; and below them plan, output, revisions or a check in full."""

    ENTRY = entry_of("deploy")
    EXPLAINED = (DeployDetail,)
    DRAWN = frozenset({PLAN, *CHECKS})
    SAMPLED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding("g", "go_on", "Do what leads on", id="deploy.go_on"),
        Binding("x", "stop", "Stop what is under way", id="deploy.stop"),
        Binding(
            "o", "other_target", "Look at the other target: this machine, or the cluster", id="deploy.other_target"
        ),
    ]
    CSS_PATH = "deploy.tcss"
    AUTO_FOCUS = "DeployDetail"

    def __init__(self) -> None:
        super().__init__()
        self._target: TargetName | None = None
        self._known: dict[TargetName, ReleaseStatus] = {}
        """The last known status of each target."""

    def body(self) -> ComposeResult:
        """Lay out the panels."""
        yield DeployAnswer(id="answer")
        with Container(id="parts"):
            yield DeployRelease(id="release")
            yield DeployChecks(id="checks")
            yield DeployDetail(id="detail")
            yield ActivityLog(id="activity")

    def take(self, ctx: EngineContext) -> DeployLook:
        """Look at the release, and at the last checks that were kept."""
        from engine.ops.deploy_look import look

        target = self._target or ("local" if ctx.env == "demo" else "kubernetes")
        seen = look(ctx, target, RELEASE, known=self._known.get(target))
        if seen.status is not None:
            self._known[target] = seen.status
        return seen

    def draws(self, call: Call) -> bool:
        """Plans and checks are drawn; so is the dry run of a deployment, which is a plan."""
        return super().draws(call) or (call.op.id == APPLY and call.dry_run)

    def arguments(self, op: Operation, state: ConsoleState) -> Mapping[str, Any]:
        """The target; for a deployment what was planned; for a way back the revision."""
        look = look_of(state)
        if look is None or op.id not in OWN:
            return {}
        match op.id:
            case "deploy.plan":
                return _release(look)
            case "load.run":
                return {"target": look.target}
            case "deploy.apply":
                return self._planned(state)
            case "deploy.rollback":
                revision = self._way_back(state)
                return {"target": look.target, **({"revision": revision} if revision else {})}
            case "canary.watch":
                return {"duration": look.canary_for} if state.env == "demo" else {}
            case _:
                return {}

    def why_not(self, op: Operation, state: ConsoleState) -> str:
        """One change at a time; nothing that was not planned; nothing that would prove nothing."""
        if op.id not in OWN:
            return ""
        if running(state, op.id):
            return "It is under way; x stops it."
        look, status = look_of(state), status_of(state)
        if look is None:
            return "What is deployed is not known yet."
        if op.id not in CHANGING:
            return ""
        if change_under_way(state) or (status and status.phase is Phase.RUNNING):
            return "The release is being changed; x stops what this console began."
        return self._why_no_change(op, look, status, state)

    def why_idle(self, action: str, state: ConsoleState) -> str:
        """Nothing to stop; nothing that leads on; no other target."""
        match action:
            case "stop":
                return "" if self._stoppable(state) else "Nothing is under way from this console."
            case "other_target":
                return "Production is deployed to its cluster only." if state.env == PRODUCTION else ""
            case "go_on":
                step = next_step(state)
                if step is None:
                    return "Wait for what is under way; x stops what this console began."
                return why_not(REGISTRY[step.op_id], state, self)
            case _:
                return ""

    def question(self, call: Call, state: ConsoleState) -> Question | None:
        """Name the target, what it changes, and the way back."""
        look = look_of(state)
        if look is None:
            return None
        match call.op.id:
            case "deploy.apply":
                return _about_applying(call, look, state)
            case "deploy.rollback":
                return _about_going_back(call, look, state)
            case "load.run":
                return _about_load(call, state)
            case _:
                return None

    def action_go_on(self) -> None:
        """Ask about what leads on."""
        step = next_step(self.room.state)
        if step is None:
            self.room.say(self.why_idle("go_on", self.room.state), title="Not now")
            return
        self.query_one(DeployDetail).action_follow()
        self.room.action_run_operation(step.op_id)

    def action_stop(self) -> None:
        """Stop what is under way; a change of the release only after a question."""
        run = self._stoppable(self.room.state)
        if run is None:
            self.room.say(self.why_idle("stop", self.room.state), title="Not now")
        elif run.call.op.id in CHANGING:
            self.app.push_screen(ConfirmDialog(_about_stopping(run, self.room.state)), lambda yes: self._stop(run, yes))
        else:
            self._stop(run, {})

    def action_other_target(self) -> None:
        """Look at the other target from now on."""
        if reason := self.why_idle("other_target", self.room.state):
            self.room.say(reason, title="Not now")
            return
        look = look_of(self.room.state)
        now = look.target if look else "kubernetes"
        self._target = "kubernetes" if now == "local" else "local"
        self.room.look_again()

    def _stop(self, run: Activity, answer: dict[str, str] | None) -> None:
        if answer is not None:
            self.room.stop_run(run.number)
            self.room.say("It ends in order; that may take a moment.", title="Stopping", severity="information")

    def _stoppable(self, state: ConsoleState) -> Activity | None:
        return change_under_way(state) or running(state, *OWN)

    def _planned(self, state: ConsoleState) -> Mapping[str, Any]:
        """The arguments of the plan, held to its revision; where a change was cut off, only the target."""
        look, run, plan = look_of(state), plan_run(state), fresh_plan(state)
        assert look is not None, "asked for by `arguments` only where there is a look"
        if plan is None or run is None or _is_interrupted(look.status):
            return _release(look)
        return {**run.call.arguments, "target": look.target, "if_revision": plan.status.revision}

    def _way_back(self, state: ConsoleState) -> int | None:
        """The chosen revision where it once served and does not now; else the engine's own way back."""
        status, chosen = status_of(state), self.query_one(DeployDetail).revision(state)
        if status is None:
            return None
        is_older = chosen is not None and chosen.is_good and chosen.number != status.revision
        return chosen.number if chosen is not None and is_older else status.way_back

    def _why_no_change(self, op: Operation, look: DeployLook, status: ReleaseStatus | None, state: ConsoleState) -> str:
        if op.id == ROLLBACK:
            return "" if look.obstacle or self._way_back(state) else "There is no older revision that ever served."
        if look.obstacle:
            return f"{look.obstacle.message}. {look.obstacle.hint}"
        if fresh_plan(state) is None and not _is_interrupted(status):
            return "p plans first: you see every command and what it changes, and nothing else is deployed."
        return ""


def _release(look: DeployLook) -> dict[str, Any]:
    """What is deployed where: on this machine with a canary, as a cutover that is rehearsed does."""
    return {"target": look.target, **({"values": [str(REHEARSAL)]} if look.target == "local" else {})}


def _is_interrupted(status: ReleaseStatus | None) -> bool:
    return status is not None and status.phase is Phase.INTERRUPTED


def _about_applying(call: Call, look: DeployLook, state: ConsoleState) -> Question:
    status, plan = look.status, fresh_plan(state)
    good = status.good_revision if status else None
    back = f"goes back to revision {good} by itself" if good else "is left as it is: there is nothing to go back to"
    number = len(plan.diff.differences) if plan else 0
    what = f"{number} difference{'' if number == 1 else 's'}. " if plan else "It goes on with what was cut off. "
    return Question(
        title=f"Deploy {RELEASE} {PLACES[look.target]} in {environment(state.env)}?",
        consequence=f"{what}It waits until everything is ready; what does not come up {back}.",
        evidence=spell(call),
        verb="Deploy",
        fields=(Field("", f"Type {PRODUCTION} to go on", PRODUCTION),) if state.env == PRODUCTION else (),
        grave=state.env == PRODUCTION,
    )


def _about_going_back(call: Call, look: DeployLook, state: ConsoleState) -> Question:
    revision = call.arguments.get("revision")
    where = f"revision {revision}" if revision else "the last revision that served"
    return Question(
        title=f"Go back to {where} {PLACES[look.target]} in {environment(state.env)}?",
        consequence="It is deployed anew and gets the requests once it is ready. The rollout stays where it is.",
        evidence="To stop enforcing at once, Esc and b: that takes under a second.",
        verb="Go back",
        grave=state.env == PRODUCTION,
    )


def _about_load(call: Call, state: ConsoleState) -> Question:
    rps, duration = call.arguments.get("rps", 20), call.arguments.get("duration", "60s")
    return Question(
        title=f"Put {rps:g} requests a second on {environment(state.env)} for {duration}?",
        consequence="They are real requests and count as evidence in a running rollout. x stops it.",
        evidence=spell(call),
        verb="Put load on it",
        grave=state.env == PRODUCTION,
    )


def _about_stopping(run: Activity, state: ConsoleState) -> Question:
    return Question(
        title=f"Stop {' '.join(run.call.op.command)} in {environment(state.env)}?",
        consequence="What served before goes on serving; what was begun is ended in order and marked as failed.",
        evidence="Too late for that, it is left as it is, and g goes on with it.",
        verb="Stop it",
    )
