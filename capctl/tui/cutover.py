"""What is known of the evening, from the console's state: its steps, who drives it, what happens now. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

from capctl.tui.activities import Activity, latest
from capctl.tui.state import ConsoleState
from engine.context import Progress
from engine.cutover.plan import Evening, Phase, Step, StepState
from engine.cutover.steps import ENFORCE, StepKind, kind_of
from engine.ops.cutover_lease import STALE_S
from engine.ops.results.cutover import CutoverLook

SCREEN: Final = "cutover"
WORKING: Final = ("cutover.run", "cutover.resume")
"""Operations that work on the evening: one at a time, wherever."""


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
