"""What the Cutover screen says, from the console's state: where it stands, why, and what to do. Pure."""

from __future__ import annotations

from typing import Final

from capctl.tui.activities import Activity
from capctl.tui.callout import Callout
from capctl.tui.confirmation import gate_line
from capctl.tui.cutover import (
    MARKS,
    SCREEN,
    Driver,
    Row,
    current_place,
    driver_of,
    is_stale,
    look_of,
    name_of,
    other_driver,
    own_run,
    rows_of,
)
from capctl.tui.headline import Headline
from capctl.tui.state import ConsoleState
from capctl.tui.wording import age, count, duration
from engine.cutover.plan import Evening, Phase, StepState
from engine.cutover.steps import ENFORCE, StepKind, kind_of
from engine.drift.gate import Answer
from engine.ops.cutover_lease import STALE_S
from engine.ops.results.cutover import CutoverLook, CutoverReport, CutoverShown

CANARY: Final = "canary"


def told_in_words(row: Row) -> str:
    """What a step does now and how far it is, in half a line."""
    title, told = row.kind.title, row.told
    if told is None:
        return f"{title}: {row.kind.command}"
    if told.step.startswith(ENFORCE):
        return f"{title}: waiting for the gate, {duration(told.done)}"
    where = "" if told.step == row.step.id else f" {told.step}"
    unit = " s clean" if told.step == CANARY else ""
    figures = f" {count(told.done)} of {count(told.total)}{unit}" if told.total else ""
    return f"{title}:{where}{figures}" if where or figures else f"{title}: {told.message}"


def cutover_headline(state: ConsoleState) -> Headline:
    """Say in one line where the evening stands and what to do, and in a second one why."""
    look, reading = look_of(state), state.reading(SCREEN)
    if own_run(state):
        return _running_here(state)
    if look is None:
        if reading.failure:
            return Headline("UNKNOWN", "?", "stale", reading.failure.message, reading.failure.hint)
        return Headline("WAITING", "…", "idle", "Looking for a cutover", "")
    if is_stale(state):
        reason = reading.failure.message if reading.failure else "The registry does not answer"
        return Headline("STALE", "?", "stale", f"No look for {age(reading.age_s(state.monotonic_s))}", reason)
    evening = look.shown.evening
    if evening is None:
        title = f"No cutover of {state.env} yet: g begins one"
        return Headline("NOT BEGUN", "·", "idle", title, "It asks you before every step that callers notice.")
    if evening.phase is not Phase.OPEN:
        return _ended(evening, look, state)
    if other := other_driver(state):
        number = current_place(rows_of(state)) + 1
        title = f"{other.name} is at {other.title} for {duration(other.since_s)}"
        detail = "You can only look, and roll back with b; g is free once they stop."
        return Headline(f"RUNNING {number} of {len(evening.steps)}", "…", "hold", title, detail)
    return _standing(evening, state)


def came_to(run: Activity) -> Callout | None:
    """What the end of a run of this console means for whoever waits for it; None where it is told elsewhere."""
    result = run.result
    if isinstance(result, CutoverReport):
        return Callout("The record is written", result.path)
    if not isinstance(result, CutoverShown) or result.evening is None:
        return None
    evening = result.evening
    step = evening.current
    if evening.phase is not Phase.OPEN or step is None:
        return Callout(f"Cutover {evening.phase.value.replace('_', ' ')}", result.record)
    title = kind_of(step.id).title
    if step.state is StepState.WAITING:
        return Callout(f"{title} waits for you", "go or no-go?")
    return Callout(f"{title} {step.state.value}", step.evidence)


def driver_line(state: ConsoleState) -> str:
    """Who drives, what is meant, and how old the look is."""
    look, driver = look_of(state), driver_of(state)
    if look is None:
        return ""
    seen = f"seen {age(state.reading(SCREEN).age_s(state.monotonic_s))} ago"
    if is_stale(state):
        return f"who drives is not known · {seen}"
    evening = look.shown.evening
    target = [evening.shortened, f"target {evening.target}"] if evening else []
    return " · ".join(part for part in (_driver_in_words(driver, state), seen, *target) if part)


def _running_here(state: ConsoleState) -> Headline:
    rows = rows_of(state)
    doing = next((row for row in rows if row.mark is MARKS[StepState.RUNNING]), None)
    driver = driver_of(state)
    if doing is None or driver is None:
        waits = f"Waiting until {driver.name} is silent for {STALE_S:.0f} s" if driver and not driver.is_here else ""
        return Headline("RUNNING", "…", "hold", waits or "Starting", "Somebody who is still at it keeps it.")
    why = doing.told.message if doing.told else ""
    safe = "It goes on by itself until it needs you; b rolls back. Whoever leaves now cuts it off, and g goes on."
    return Headline(f"RUNNING {doing.number} of {len(rows)}", "…", "hold", told_in_words(doing), why or safe)


def _standing(evening: Evening, state: ConsoleState) -> Headline:
    step = evening.current
    assert step is not None, "an evening that is open has a step that is not done"
    kind = kind_of(step.id)
    if step.state is StepState.WAITING and evening.waits_for_go:
        return Headline("WAITING FOR YOU", "?", "hold", f"{kind.title}: go or no-go? g asks", _before_go(kind, state))
    if step.state is StepState.WAITING:
        return Headline("STOPPED", "‖", "hold", f"Stopped before {kind.title}: g goes on", f"It needs: {kind.proof}.")
    who = f"by {name_of(step.actor, state)}" if step.actor else ""
    ago = f"{duration((state.now - step.at).total_seconds())} ago" if step.at else ""
    where = f"{kind.title} {who} {ago}"
    if step.state is StepState.FAILED:
        return Headline("STOPPED", "■", "closed", f"Failed at {where}: g tries again", step.evidence)
    if step.state is StepState.HELD:
        return Headline("STOPPED", "‖", "hold", f"Held at {where}: g tries again", step.evidence)
    return Headline("STOPPED", "‖", "hold", f"Cut off at {where}: g goes on", "What was done is not done again.")


def _before_go(kind: StepKind, state: ConsoleState) -> str:
    if kind.id.startswith(ENFORCE):
        waits = "" if state.answer is Answer.OPEN else " It waits for the gate."
        return f"{gate_line(state)}.{waits}"
    return f"It needs: {kind.proof}. Way back: {f'capctl {kind.way_back}' if kind.way_back else 'b'}."


def _ended(evening: Evening, look: CutoverLook, state: ConsoleState) -> Headline:
    last = evening.steps[-1]
    if evening.phase is Phase.DONE:
        title = f"All {len(evening.steps)} steps done, signed off by {name_of(last.go, state)}"
        record = f"Its record is {look.shown.record} in the state directory." if look.shown.record else "w writes it."
        return Headline("DONE", "○", "open", title, f"{record} g begins another.")
    if evening.step("deploy").state is StepState.WAITING:
        title, detail = "Nothing is enforced, and nothing was deployed", "g begins anew."
    else:
        title = "Nothing is enforced. What is deployed stays"
        detail = f"To take it back: capctl deploy rollback --target {evening.target} --env {state.env}; g begins anew."
    return Headline("ROLLED BACK", "■", "closed", title, detail)


def _driver_in_words(driver: Driver | None, state: ConsoleState) -> str:
    if driver is None:
        return "this console drives" if own_run(state) else "nobody drives"
    if driver.is_here:
        return f"{driver.name} drives here"
    if driver.is_silent:
        return f"{driver.name} is silent for {age(driver.heard_s)}: g takes over"
    return f"{driver.name} drives, heard {age(driver.heard_s)} ago"
