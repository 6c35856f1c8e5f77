"""What the Deploy screen knows, from the console's state: what runs, what is under way, and what leads on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar, cast

from capctl.tui.activities import Activity, latest
from capctl.tui.command_line import parse
from capctl.tui.state import ConsoleState
from engine.cutover.canary import CanaryRow
from engine.cutover.load_report import LoadReport
from engine.cutover.smoke import SmokeReport
from engine.cutover.target import Phase, ReleaseStatus
from engine.errors import InvalidInput
from engine.ops.catalogue import REGISTRY
from engine.ops.results.deploy import DeployPlan
from engine.ops.results.deploy_look import CanarySeen, DeployLook, LoadSeen

Dated = TypeVar("Dated", SmokeReport, CanarySeen, LoadSeen)

SCREEN: Final = "deploy"
PLAN, APPLY, ROLLBACK = "deploy.plan", "deploy.apply", "deploy.rollback"
SMOKE, CANARY, LOAD = "smoke.run", "canary.watch", "load.run"
CHANGING: Final = (APPLY, ROLLBACK)
CHECKS: Final = (SMOKE, CANARY, LOAD)
"""In the order in which they are made."""
OWN: Final = (PLAN, *CHANGING, *CHECKS)

DOES: Final[Mapping[str, str]] = {
    PLAN: "plans",
    APPLY: "deploys",
    ROLLBACK: "goes back",
    SMOKE: "smoke-tests it",
    CANARY: "watches the canary",
    LOAD: "puts load on it",
}
"""What the key that leads on does, after `g`."""


class Mark(NamedTuple):
    """A state as word, glyph and tone."""

    word: str
    glyph: str
    tone: str


PASSED: Final = Mark("passed", "○", "$gate-open")
MISSED: Final = Mark("FAILED", "■", "$gate-closed")
HELD: Final = Mark("held", "…", "$gate-hold")
RUNNING: Final = Mark("running", "…", "$gate-hold")
NEVER: Final = Mark("not run", "·", "$muted")
OUTDATED: Final = Mark("outdated", "·", "$muted")
STOPPED: Final = Mark("stopped", "‖", "$gate-hold")
ENDED: Final = Mark("ended", "■", "$gate-closed")
ANSWERS: Final[Mapping[str, Mark]] = {"yes": PASSED, "no": MISSED, "hold": HELD}


@dataclass(frozen=True, slots=True)
class Leading:
    """What leads on."""

    op_id: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def look_of(state: ConsoleState) -> DeployLook | None:
    """The last look at the release; None before the first."""
    return cast("DeployLook | None", state.reading(SCREEN).snapshot)


def status_of(state: ConsoleState) -> ReleaseStatus | None:
    """Where the release stands, as last known."""
    look = look_of(state)
    return look.status if look else None


def change_under_way(state: ConsoleState) -> Activity | None:
    """This console's change of the release, while it runs."""
    return next((run for run in reversed(state.activities) if run.call.op.id in CHANGING and _changes(run)), None)


def _changes(run: Activity) -> bool:
    return run.is_running and not run.call.dry_run


def running(state: ConsoleState, *op_ids: str) -> Activity | None:
    """The latest run of one of some operations, while it runs."""
    return next((run for run in reversed(state.activities) if run.is_running and run.call.op.id in op_ids), None)


def last_change(state: ConsoleState) -> Activity | None:
    """The latest change of the release from this console that has ended."""
    return next(
        (
            run
            for run in reversed(state.activities)
            if run.call.op.id in CHANGING and not run.is_running and not run.call.dry_run
        ),
        None,
    )


def plan_run(state: ConsoleState) -> Activity | None:
    """The run that made the latest plan for the target that is shown."""
    look = look_of(state)
    for run in reversed(state.activities):
        if isinstance(run.result, DeployPlan) and look and run.result.status.target == look.target:
            return run
    return None


def fresh_plan(state: ConsoleState) -> DeployPlan | None:
    """The latest plan, where the release is still as it was made for."""
    run, status = plan_run(state), status_of(state)
    if run is None or status is None or status.revision != run.result.status.revision:
        return None
    return cast(DeployPlan, run.result) if status.phase is run.result.status.phase else None


def smoke_of(state: ConsoleState) -> SmokeReport | None:
    """The last smoke test, whoever made it."""
    run, look = _ended(state, SMOKE), look_of(state)
    own = run.result if run and isinstance(run.result, SmokeReport) else None
    return _newer(own, look.smoke if look else None)


def canary_of(state: ConsoleState) -> CanarySeen | None:
    """The watch that is under way, else the last one that came to a verdict."""
    look, run = look_of(state), latest(state.activities, CANARY)
    if run and run.is_running:
        return CanarySeen.from_json(run.event.to_json()) if isinstance(run.event, CanaryRow) else None
    own = CanarySeen.from_json(run.result.to_json()) if run and isinstance(run.result, CanaryRow) else None
    return _newer(own, look.canary if look else None)


def load_of(state: ConsoleState) -> LoadSeen | None:
    """The last load test that came to its end."""
    run, look = _ended(state, LOAD), look_of(state)
    own = LoadSeen.from_json(run.result.to_json()) if run and isinstance(run.result, LoadReport) else None
    return _newer(own if run and not run.call.dry_run else None, look.load if look else None)


def answer_of(state: ConsoleState, op_id: str) -> tuple[str, datetime] | None:
    """What a check said last, and when; None where it never did."""
    found = {SMOKE: smoke_of, CANARY: canary_of, LOAD: load_of}[op_id](state)
    return (found.answer, found.at) if found else None


def is_about_this(state: ConsoleState, at: datetime) -> bool:
    """Whether what was shown at a moment was shown of the newest revision; where none is known, it may have been."""
    status = status_of(state)
    return status is None or not status.history or at >= status.history[0].at


def mark_of(state: ConsoleState, op_id: str) -> Mark:
    """How a check stands. What was shown of an older revision says nothing about the one that serves."""
    if running(state, op_id):
        return RUNNING
    run, answer = latest(state.activities, op_id), answer_of(state, op_id)
    if run and run.error and run.ended_at and (answer is None or run.ended_at > answer[1]):
        return STOPPED if run.error.code == "console.stopped" else ENDED
    if answer is None:
        return NEVER
    return ANSWERS[answer[0]] if is_about_this(state, answer[1]) else OUTDATED


def way_out(status: ReleaseStatus) -> Leading | None:
    """The command that the engine names to lead on, as what a key can run; None where it names none."""
    line = status.way_out.partition(", or ")[0]
    if not line:
        return None
    try:
        call = parse(line, REGISTRY)
    except InvalidInput:
        return None
    return Leading(call.op.id, call.arguments)


def next_step(state: ConsoleState) -> Leading | None:
    """What leads on; None while something is under way, or where nothing is known."""
    look, status = look_of(state), status_of(state)
    if look is None or change_under_way(state):
        return None
    if look.obstacle is not None or status is None:
        return Leading(PLAN)
    if status.phase is Phase.RUNNING:
        return None
    if status.phase is Phase.INTERRUPTED:
        return way_out(status)
    plan = fresh_plan(state)
    if plan is not None and (plan.diff.differences or status.phase is not Phase.DEPLOYED):
        return Leading(APPLY)
    if status.phase is not Phase.DEPLOYED or not status.is_ready:
        return way_out(status) if status.phase is Phase.FAILED and status.way_back else Leading(PLAN)
    for op_id in CHECKS:
        said = answer_of(state, op_id)
        if running(state, op_id):
            return None
        if said is None or said[0] != "yes" or not is_about_this(state, said[1]):
            return Leading(op_id)
    return Leading(PLAN)


def _ended(state: ConsoleState, op_id: str) -> Activity | None:
    """The latest run of an operation that came to a result."""
    return next((run for run in reversed(state.activities) if run.call.op.id == op_id and run.result is not None), None)


def _newer(own: Dated | None, kept: Dated | None) -> Dated | None:
    if own is None or kept is None:
        return kept if own is None else own
    return own if own.at >= kept.at else kept
