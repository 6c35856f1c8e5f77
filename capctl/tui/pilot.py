"""What the Pilot screen says, from the console's state: which run is meant, how far it is, what to do next. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from capctl.tui.activities import WAITING, Activity, latest
from capctl.tui.headline import Headline
from capctl.tui.state import ConsoleState
from capctl.tui.wording import age, count, duration
from engine.errors import EngineError
from engine.ops.results.pilot import PilotSnapshot, SystemCheck, WrittenBack
from engine.ops.results.pilot_look import PilotLook

SCREEN: Final = "pilot"
WORKING: Final = ("pilot.run", "pilot.writeback")
"""Operations that make a run."""
TALKING: Final = (*WORKING, "pilot.check", "pilot.pull")
"""Operations that talk to SAP."""
LOGON_FAILED: Final = "sap.logon_failed"

DOING: Final = {
    "starting": "Starting",
    "connecting": "Connecting",
    "pulling": "Pulling suppliers",
    "verifying": "Verifying portions",
    "finding suppliers": "Finding supplier numbers",
    "writing": "Writing rows",
    "reading back": "Reading back",
}
"""Steps of an operation, in words."""


class Stage(NamedTuple):
    """One of the four stages of a run."""

    name: str
    done: int
    total: int | None
    answer: str
    """`open` when it is done, `hold` while it is under way, else empty."""


def look_of(state: ConsoleState) -> PilotLook | None:
    """The last look at the pilot; None before the first."""
    return cast("PilotLook | None", state.reading(SCREEN).snapshot)


def under_way(state: ConsoleState) -> Activity | None:
    """The latest operation that talks to SAP, while it runs."""
    run = latest(state.activities, *TALKING)
    return run if run and run.is_running else None


def working(state: ConsoleState) -> Activity | None:
    """The latest pilot run of this console, ended or not."""
    return latest(state.activities, *WORKING)


def plan_of(state: ConsoleState) -> WrittenBack | None:
    """What the latest operation would have written, when it was a dry run."""
    run = working(state)
    if run is None or not isinstance(run.result, WrittenBack):
        return None
    return run.result if run.result.planned is not None else None


def run_id_of(run: Activity) -> str:
    """The id of a run, given or taken; empty while it is not known."""
    if given := run.call.arguments.get("run_id"):
        return str(given)
    step = run.step("starting")
    return step.progress.message.rpartition(" ")[2] if step else ""


def shown_run(state: ConsoleState) -> PilotSnapshot | None:
    """The run whose verdicts and rows are shown: while one is under way no other."""
    look, run = look_of(state), under_way(state)
    found = look.status.run if look else None
    if run is None or run.call.op.id not in WORKING or found is None:
        return found
    return found if found.run_id == run_id_of(run) else None


def checked(state: ConsoleState) -> SystemCheck | None:
    """What the latest check of the connection found; None when it failed, or there was none."""
    check = latest(state.activities, "pilot.check")
    return check.result if check else None


def refused_logon(state: ConsoleState) -> bool:
    """Whether SAP refused the latest logon: with the same password nobody should try again."""
    run = latest(state.activities, *TALKING)
    return run is not None and run.error is not None and run.error.code == LOGON_FAILED


def pilot_headline(state: ConsoleState) -> Headline:
    """Say in one line where the pilot stands, and in a second one why or what next."""
    look, reading = look_of(state), state.reading(SCREEN)
    if run := under_way(state):
        return _running(run, state)
    if look is None:
        return _unseen(reading.failure)
    if reading.is_stale(state.monotonic_s):
        reason = reading.failure.message if reading.failure else "The ledger does not answer"
        return Headline("STALE", "?", "stale", f"No look for {age(reading.age_s(state.monotonic_s))}", reason)
    last = latest(state.activities, *TALKING)
    if last and last.error:
        return _failed(last.error, look)
    if (plan := plan_of(state)) is not None:
        return _planned(plan)
    return _standing(look, state)


def stages(state: ConsoleState) -> tuple[Stage, ...]:
    """Pull, verify, write, read back: from the run under way, else from the run that is shown."""
    run, shown = working(state), shown_run(state)
    if run is not None and (run.is_running or run.error is not None) and run.steps:
        return _stages_of(run)
    if shown is None:
        return tuple(Stage(name, 0, None, "") for name in ("pull", "verify", "write", "read back"))
    look = look_of(state)
    portions = len(look.facts.get("results", ())) if look else 0
    proven = "open" if shown.proven_at else "hold"
    return (
        Stage("pull", shown.total, shown.total, "open"),
        Stage("verify", portions, portions or None, "open"),
        Stage("write", shown.confirmed, shown.total, proven),
        Stage("read back", shown.confirmed, shown.total, proven),
    )


def _stages_of(run: Activity) -> tuple[Stage, ...]:
    named = (("pull", "pulling"), ("verify", "verifying"), ("write", "writing"), ("read back", "reading back"))
    steps = [run.step(step) for _, step in named]
    found = []
    for position, ((name, _), step) in enumerate(zip(named, steps, strict=True)):
        if step is None:
            found.append(Stage(name, 0, None, ""))
            continue
        # A run reads back before it writes and again after it: only writing everything makes reading back the last.
        later = any(steps[position + 1 :]) if position < 2 else False
        idle = name == "read back" and run.doing is not None and run.doing.step != step.progress.step
        answer = "open" if later else "" if idle else "hold"
        found.append(Stage(name, step.progress.done, step.progress.total, answer))
    return tuple(found)


def _unseen(failure: EngineError | None) -> Headline:
    if failure:
        return Headline("UNKNOWN", "?", "stale", failure.message, failure.hint)
    return Headline("WAITING", "…", "idle", "Looking for pilot runs", "")


def _running(run: Activity, state: ConsoleState) -> Headline:
    told = run.current
    if told is None:
        return Headline("RUNNING", "…", "hold", "Starting", "")
    if told.step == WAITING:
        waited = age(state.monotonic_s - run.current_s)
        title = f"{told.message}"
        return Headline("WAITING", "…", "hold", title, f"For {waited} now. Nothing is lost: it goes on by itself.")
    what = DOING.get(told.step, told.step)
    title = f"{what}: {count(told.done)} of {count(told.total)}" if told.total else what
    waits = f"Waited {count(run.waits)}× so far. " if run.waits else ""
    safe = "Leaving the console stops it; the same run id goes on." if run.call.op.id in WORKING else ""
    return Headline("RUNNING", "…", "hold", title, f"{waits}{safe}")


def _failed(error: EngineError, look: PilotLook) -> Headline:
    if error.code == LOGON_FAILED:
        return Headline("LOGON REFUSED", "■", "closed", "Do not try again: SAP locks users", f"{error.message}")
    goes_on = f" Then g goes on with {look.resumable}." if look.resumable else ""
    return Headline("FAILED", "■", "closed", error.message, f"{error.hint}{goes_on}")


def _planned(plan: WrittenBack) -> Headline:
    changes = sum(row.action != "none" for row in plan.planned or ())
    title = f"{count(changes)} of {count(plan.total)} rows would be written"
    return Headline("DRY RUN", "·", "idle", title, "Nothing was kept. g writes them.")


def _standing(look: PilotLook, state: ConsoleState) -> Headline:
    run = look.status.run
    if look.resumable and (run is None or run.run_id != look.resumable):
        stopped = next(begun for begun in look.begun if begun.run_id == look.resumable)
        where = f"{stopped.verified} of {stopped.portions} portions verified" if stopped.is_pulled else "while pulling"
        return Headline("STOPPED", "‖", "hold", f"{stopped.run_id}: {where}", "Press g to go on with it.")
    if run is None:
        return _without_run(look, is_checked=checked(state) is not None)
    if run.proven_at:
        proof = f"{count(run.total)}/{count(run.total)} written, 0 duplicates, read back and equal"
        ago = duration((state.now - run.proven_at).total_seconds())
        return Headline("PROVEN", "○", "open", proof, f"{run.run_id}, {ago} ago; g begins anew")
    fault = next(iter(run.faults), "")
    again = "Press g to go on with" if look.resumable else "Repeat the pilot writeback of"
    written = f"{count(run.confirmed)} of {count(run.total)} rows are proven, the rest is open"
    return Headline("STOPPED", "‖", "hold", written, f"{again} {run.run_id}. {fault}".rstrip())


def _without_run(look: PilotLook, *, is_checked: bool) -> Headline:
    if look.problem:
        return Headline("NOT SET UP", "■", "closed", "The SAP system cannot be meant", look.problem)
    if not look.system:
        hint = "Set SAP_URL, SAP_CLIENT, SAP_USER and SAP_PASSWORD before capctl starts."
        return Headline("NOT SET UP", "·", "idle", "No SAP system is named", hint)
    first = "The connection works:" if is_checked else "First c to check the connection, then"
    hint = f"{first} d for a dry run."
    return Headline("NO RUN", "·", "idle", "No pilot run yet", hint)
