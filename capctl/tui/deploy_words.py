"""What the Deploy screen says, from the console's state: where it stands, why, and which key leads on. Pure."""

from __future__ import annotations

from typing import Final

from capctl.tui.activities import Activity
from capctl.tui.deploy import (
    CANARY,
    CHECKS,
    DOES,
    ENDED,
    LOAD,
    MISSED,
    ROLLBACK,
    SCREEN,
    SMOKE,
    STOPPED,
    Leading,
    answer_of,
    canary_of,
    change_under_way,
    fresh_plan,
    is_about_this,
    last_change,
    load_of,
    look_of,
    mark_of,
    next_step,
    running,
    smoke_of,
)
from capctl.tui.headline import Headline
from capctl.tui.state import ConsoleState
from capctl.tui.wording import age, count, duration, latency, rate, sentence
from engine.cutover.target import Health, Phase, ReleaseStatus
from engine.ops.results.deploy import DeployPlan
from engine.ops.results.deploy_look import DeployLook
from engine.settings import PRODUCTION

TITLES: Final = {SMOKE: "Smoke test", CANARY: "Canary watch", LOAD: "Load test"}
FAILURES: Final = {SMOKE: "SMOKE FAILED", CANARY: "CANARY RED", LOAD: "LOAD FAILED"}


def deploy_headline(state: ConsoleState) -> Headline:
    """Say in one line where the release stands, and in a second one why or what next."""
    look, reading = look_of(state), state.reading(SCREEN)
    if run := change_under_way(state):
        return _changing(run, state)
    if look is None:
        if reading.failure:
            return Headline("UNKNOWN", "?", "stale", reading.failure.message, reading.failure.hint)
        return Headline("WAITING", "…", "idle", "Looking at what is deployed", "")
    if reading.is_stale(state.monotonic_s):
        reason = reading.failure.message if reading.failure else "The target does not answer"
        return Headline("STALE", "?", "stale", f"No look for {age(reading.age_s(state.monotonic_s))}", reason)
    if look.obstacle is not None:
        elsewhere = " o: rehearse on this machine." if look.target == "kubernetes" and state.env != PRODUCTION else ""
        return Headline("UNREACHABLE", "?", "stale", look.obstacle.message, f"{look.obstacle.hint}{elsewhere}")
    if look.status is None:
        return Headline("WAITING", "…", "idle", "Looking at what is deployed", "")
    return _ended_badly(state, look) or _standing(look.status, state)


def place_line(state: ConsoleState) -> str:
    """Where it deploys to, and how old the look is."""
    look = look_of(state)
    if look is None:
        return ""
    where = "target local: this machine" if look.target == "local" else "target kubernetes"
    if look.target == "kubernetes" and look.status:
        where += f": {look.status.place}"
    seen = age(state.reading(SCREEN).age_s(state.monotonic_s))
    return f"{where} · seen {seen} ago"


def check_line(state: ConsoleState, op_id: str) -> str:
    """What a check shows, in half a line."""
    if run := running(state, op_id):
        return _so_far(run, state)
    if mark_of(state, op_id) in (ENDED, STOPPED) and (failure := _failure(state, op_id)):
        return failure
    said = {SMOKE: _smoke, CANARY: _canary, LOAD: _load}[op_id](state)
    answer = answer_of(state, op_id)
    older = answer is not None and not is_about_this(state, answer[1])
    return f"before this revision: {said}" if older and said else said


def _changing(run: Activity, state: ConsoleState) -> Headline:
    goes_back = run.call.op.id == ROLLBACK
    since = age((state.now - run.at).total_seconds())
    told = run.current
    now = f"{told.step}: {told.message}" if told and told.message else told.step if told else "starting"
    title = f"{'Going back' if goes_back else 'Deploying'} for {since}; x stops it"
    return Headline("GOING BACK" if goes_back else "DEPLOYING", "…", "hold", title, f"Now {now}")


def _ended_badly(state: ConsoleState, look: DeployLook) -> Headline | None:
    """What became of the last change from here, until the release moves on."""
    run = last_change(state)
    if run is None or run.error is None or run.ended_at is None or look.status is None:
        return None
    newest = look.status.history[0].at if look.status.history else None
    if look.status.phase is Phase.INTERRUPTED or (newest is not None and newest > run.ended_at):
        return None
    if fresh_plan(state) and (made := _plan_after(run, state)):
        return _planned(made, state)
    word = {"deploy.rolled_back": "ROLLED BACK", "console.stopped": "STOPPED"}.get(run.error.code, "FAILED")
    return Headline(word, "■", "closed", run.error.message, run.error.hint)


def _plan_after(change: Activity, state: ConsoleState) -> DeployPlan | None:
    later = (run for run in reversed(state.activities) if run.number > change.number)
    return next((run.result for run in later if isinstance(run.result, DeployPlan)), None)


def _standing(status: ReleaseStatus, state: ConsoleState) -> Headline:
    words = sentence(status.explanation.rstrip("."))
    step = next_step(state)
    leads = f"g {DOES[step.op_id]}" if step else ""
    match status.phase:
        case Phase.RUNNING:
            return Headline("IN USE", "…", "hold", words, "Wait until it has ended; nothing can be changed meanwhile.")
        case Phase.INTERRUPTED:
            word = "PENDING" if status.history and status.history[0].is_pending else "INTERRUPTED"
            return Headline(word, "■", "closed", words, _ways_out(status, step) or status.way_out)
        case Phase.FAILED:
            return Headline("FAILED", "■", "closed", words, f"{leads}." if leads else status.way_out)
    plan = fresh_plan(state)
    if plan is not None and (plan.diff.differences or status.phase is Phase.ABSENT):
        return _planned(plan, state)
    if status.phase is Phase.ABSENT:
        return Headline("NOT DEPLOYED", "·", "idle", f"{words}: {leads}", "The plan shows every command first.")
    return _deployed(status, state, leads)


def _ways_out(status: ReleaseStatus, step: Leading | None) -> str:
    if step is None:
        return ""
    if step.op_id == ROLLBACK:
        return f"The way out: g goes back to revision {step.arguments.get('revision') or status.way_back}."
    back = f", or u goes back to revision {status.way_back}" if status.way_back else ""
    return f"The way out: g deploys again, from where it was cut off{back}."


def _planned(plan: DeployPlan, state: ConsoleState) -> Headline:
    number = len(plan.diff.differences)
    title = f"Planned: {count(number)} difference{'' if number == 1 else 's'}; g deploys after a question"
    remark = plan.remarks[0] if plan.remarks else "The exact commands are below; nothing has been changed."
    tone = "idle" if state.read_only else "hold"
    return Headline("PLANNED", "?", tone, title, remark)


def _deployed(status: ReleaseStatus, state: ConsoleState, leads: str) -> Headline:
    troubled = next((item for item in status.resources if item.health is not Health.READY), None)
    if troubled is not None:
        bad = troubled.health is Health.FAILED
        cause = troubled.cause or f"{troubled.ready} of {troubled.desired} ready"
        title = f"{troubled.place}: {cause}"
        detail = f"u goes back to revision {status.way_back}." if status.way_back else "p plans a correction."
        return Headline("NOT READY", "■" if bad else "…", "closed" if bad else "hold", title, detail)
    for op_id in CHECKS:
        if run := running(state, op_id):
            title = f"{TITLES[op_id]} of revision {status.revision}; x stops it"
            return Headline("CHECKING", "…", "hold", title, _so_far(run, state))
    for op_id in CHECKS:
        answer = answer_of(state, op_id)
        if mark_of(state, op_id) is MISSED and answer and is_about_this(state, answer[1]):
            back = f"u goes back to revision {status.way_back}; " if status.way_back else ""
            detail = f"{back}{leads} again." if leads else back
            return Headline(FAILURES[op_id], "■", "closed", check_line(state, op_id), detail)
    return _tried(status, state, leads)


def _tried(status: ReleaseStatus, state: ConsoleState, leads: str) -> Headline:
    answers = [answer_of(state, op_id) for op_id in CHECKS]
    passed = sum(bool(said and said[0] == "yes" and is_about_this(state, said[1])) for said in answers)
    title = f"Revision {status.revision} is deployed, all of it ready"
    if passed == len(CHECKS):
        return Headline("HEALTHY", "○", "open", title, f"Smoke, canary and load passed; {leads} the next one.")
    return Headline("UNTRIED", "…", "hold", title, f"{passed} of {len(CHECKS)} checks passed so far: {leads}.")


def _failure(state: ConsoleState, op_id: str) -> str:
    run = next((run for run in reversed(state.activities) if run.call.op.id == op_id), None)
    return f"{run.error.message}. {run.error.hint}" if run and run.error else ""


def _so_far(run: Activity, state: ConsoleState) -> str:
    if run.call.op.id == CANARY:
        seen = canary_of(state)
        if seen is None:
            return "looking for the first time"
        left = duration(max(0.0, seen.for_s - seen.clean_s))
        return f"{'; '.join(seen.reasons) or 'clean'} · {left} to go"
    told = run.current
    if told is None:
        return "starting"
    return f"{count(told.done)} of {count(told.total or 0)}: {told.message}"


def _smoke(state: ConsoleState) -> str:
    report = smoke_of(state)
    if report is None:
        return ""
    if report.failed:
        first = report.failed[0]
        return f"{first.name}: {first.detail}"
    return f"all {len(report.checks)} requests as they must be"


def _canary(state: ConsoleState) -> str:
    seen = canary_of(state)
    if seen is None:
        return ""
    return "; ".join(seen.reasons) or f"clean for {duration(seen.clean_s)}"


def _load(state: ConsoleState) -> str:
    seen = load_of(state)
    if seen is None:
        return ""
    numbers = (
        f"{rate(seen.rps)}/s, p95 {latency(seen.latency_s['p95'])}, {count(seen.failed)} of {count(seen.due)} failed"
    )
    return "; ".join(seen.reasons) or numbers
