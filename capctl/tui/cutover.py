"""What the Cutover screen says, from the console's state: where the evening stands, who drives, what is next. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from capctl.tui.activities import Activity, latest
from capctl.tui.callout import Callout
from capctl.tui.confirmation import gate_line
from capctl.tui.headline import Headline
from capctl.tui.state import ConsoleState
from capctl.tui.wording import age, count, duration
from engine.context import Progress
from engine.cutover.plan import Evening, Phase, Step, StepState
from engine.cutover.steps import ENFORCE, StepKind, kind_of
from engine.drift.gate import Answer
from engine.ops.cutover_lease import STALE_S
from engine.ops.results.cutover import CutoverLook, CutoverReport, CutoverShown

SCREEN: Final = "cutover"
WORKING: Final = ("cutover.run", "cutover.resume")
"""Operations that work on the evening: one at a time, wherever."""
CANARY: Final = "canary"


class Mark(NamedTuple):
    """How a step's state is drawn."""

    glyph: str
    word: str
    tone: str


TO_COME: Final = Mark("·", "to come", "$muted")
NOT_DONE: Final = Mark("·", "not done", "$muted")
ASKED: Final = Mark("?", "GO?", "$gate-hold")
CUT_OFF: Final = Mark("‖", "CUT OFF", "$gate-hold")
MARKS: Final = {
    StepState.WAITING: TO_COME,
    StepState.RUNNING: Mark("…", "RUNNING", "$gate-hold"),
    StepState.DONE: Mark("○", "DONE", "$gate-open"),
    StepState.FAILED: Mark("■", "FAILED", "$gate-closed"),
    StepState.HELD: Mark("‖", "HELD", "$gate-hold"),
}


class Driver(NamedTuple):
    """Who works on the evening, as their lease says."""

    name: str
    title: str
    """Of the step they are at."""
    since_s: float
    """Since they began it."""
    heard_s: float
    """Since they were last heard of."""
    is_here: bool
    """Whether it is this console."""

    @property
    def is_silent(self) -> bool:
        """Whether they have been silent for so long that somebody else may go on."""
        return self.heard_s > STALE_S


class Row(NamedTuple):
    """A step as it stands on the screen."""

    number: int
    """Counted from 1."""
    step: Step
    kind: StepKind
    mark: Mark
    told: Progress | None
    """How far it is, where this console does it now."""


def look_of(state: ConsoleState) -> CutoverLook | None:
    """The last look at the cutover; None before the first."""
    return cast("CutoverLook | None", state.reading(SCREEN).snapshot)


def is_stale(state: ConsoleState) -> bool:
    """Whether the last look is too old to be shown as current."""
    return state.reading(SCREEN).is_stale(state.monotonic_s)


def evening_of(state: ConsoleState) -> Evening | None:
    """The latest cutover; None where there is none, or nothing is known."""
    look = look_of(state)
    return look.shown.evening if look else None


def open_evening(state: ConsoleState) -> Evening | None:
    """The cutover that is under way; None where none is."""
    evening = evening_of(state)
    return evening if evening and evening.phase is Phase.OPEN else None


def own_run(state: ConsoleState) -> Activity | None:
    """What this console does for the evening now; None where it does nothing."""
    run = latest(state.activities, *WORKING)
    return run if run and run.is_running else None


def name_of(actor: str, state: ConsoleState) -> str:
    """The name behind a pseudonym, where it is known here."""
    look = look_of(state)
    return look.shown.names.get(actor, actor) if look else actor


def driver_of(state: ConsoleState) -> Driver | None:
    """Who works on it; None where nobody does, or nothing is known."""
    look, run = look_of(state), own_run(state)
    lease = look.shown.lease if look else None
    if look is None or lease is None:
        return None
    seen_s = state.reading(SCREEN).age_s(state.monotonic_s) or 0.0
    since_s = max(0.0, (look.shown.at - lease.since).total_seconds()) + seen_s
    # The holder's clock may be ahead of this one; that must not make them look alive for ever.
    heard_s = abs((look.shown.at - lease.at).total_seconds()) + seen_s
    known = {step.id for step in look.shown.evening.steps} if look.shown.evening else set()
    title = kind_of(lease.step).title if lease.step in known else "the beginning"
    # Before its first step a run may still be waiting for somebody else's lease to lapse.
    is_here = run is not None and bool(run.steps)
    return Driver(name_of(lease.actor, state), title, since_s, heard_s, is_here)


def other_driver(state: ConsoleState) -> Driver | None:
    """Who else works on it, and is heard of; None where this console may go on."""
    driver = driver_of(state)
    return driver if driver and not driver.is_here and not driver.is_silent else None


def rows_of(state: ConsoleState) -> tuple[Row, ...]:
    """Every step of the evening; before the first one, those that it would have."""
    look = look_of(state)
    if look is None:
        return ()
    evening = look.shown.evening
    steps = evening.steps if evening else tuple(Step(id) for id in look.planned)
    live = _live(state, tuple(step.id for step in steps))
    found = []
    for number, step in enumerate(steps, 1):
        told = live.told if live and live.place == number - 1 else None
        # A run is ahead of the last look at the plan: it goes on only after a step that is done.
        is_passed = live is not None and number <= live.place
        mark = MARKS[StepState.DONE] if is_passed else _mark(step, evening, state)
        mark = MARKS[StepState.RUNNING] if live and live.place == number - 1 else mark
        found.append(Row(number, step, kind_of(step.id), mark, told))
    return tuple(found)


def current_place(rows: tuple[Row, ...]) -> int:
    """Where the first step stands that is not done; the last one when all are."""
    running = (place for place, row in enumerate(rows) if row.mark is MARKS[StepState.RUNNING])
    undone = (place for place, row in enumerate(rows) if row.step.state is not StepState.DONE)
    return next(running, next(undone, max(0, len(rows) - 1)))


def needs_approver(step: Step, state: ConsoleState) -> bool:
    """Whether a second person must be named: the step that enforces everything."""
    last = [row.step.id for row in rows_of(state) if row.step.id.startswith(ENFORCE)][-1:]
    return [step.id] == last


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
    target = [f"target {look.shown.evening.target}"] if look.shown.evening else []
    return " · ".join([_driver_in_words(driver, state), seen, *target])


class _Live(NamedTuple):
    """The step that this console does now."""

    place: int
    """Counted from 0."""
    told: Progress | None


def _live(state: ConsoleState, ids: tuple[str, ...]) -> _Live | None:
    run = own_run(state)
    begun = [step.progress.step for step in run.steps if step.progress.step in ids] if run else []
    if run is None or not begun:
        return None
    told = run.current
    # What has output tells of the plan, or repeats what a tool printed; the rest says how far the step itself is.
    return _Live(ids.index(begun[-1]), told if told and not told.output else None)


def _mark(step: Step, evening: Evening | None, state: ConsoleState) -> Mark:
    if evening and evening.phase is Phase.ROLLED_BACK and step.state in (StepState.WAITING, StepState.RUNNING):
        return NOT_DONE
    if evening is None or evening.phase is not Phase.OPEN or evening.current != step:
        return MARKS[step.state]
    if step.state is StepState.RUNNING:
        return MARKS[step.state] if other_driver(state) else CUT_OFF
    return ASKED if step.state is StepState.WAITING and evening.waits_for_go else MARKS[step.state]


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
    undo = f"capctl deploy rollback --target {evening.target} --env {state.env}"
    return Headline(
        "ROLLED BACK", "■", "closed", "Nothing is enforced. What is deployed stays", f"To take it back: {undo}"
    )


def _driver_in_words(driver: Driver | None, state: ConsoleState) -> str:
    if driver is None:
        return "this console drives" if own_run(state) else "nobody drives"
    if driver.is_here:
        return f"{driver.name} drives, this console"
    if driver.is_silent:
        return f"{driver.name} is silent for {age(driver.heard_s)}: g takes over"
    return f"{driver.name} drives, heard {age(driver.heard_s)} ago"
