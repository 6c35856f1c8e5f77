"""The rollout slider: how much is enforced, where the plan's steps are, and what the gate lets through."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.reactive import reactive

from capctl.tui.drawing import GLYPHS, TONES, page, row
from capctl.tui.messages import PercentProposed
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.conditions import label
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import percent, rollout_share
from engine.drift.gate import Answer
from engine.rollout.state import FULL, Phase, RolloutState

FINE_STEP: Final = 100
"""One percent, in basis points."""


class RolloutSlider(Panel, can_focus=True):
    """A track from 0 to 100 % with the current share as a filled label on it.

    Left and right walk over the plan's steps, with shift over single percents; a click chooses a step. Nothing happens
    until Enter, or a second click, and then only a question.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "choose(-1)", "Choose the step below", id="slider.left"),
        Binding("right", "choose(1)", "Choose the step above", id="slider.right"),
        Binding("shift+left,less_than_sign", "shift(-1)", "Choose one percent less", id="slider.less"),
        Binding("shift+right,greater_than_sign", "shift(1)", "Choose one percent more", id="slider.more"),
        Binding("enter", "propose", "Ask for the chosen share", id="slider.propose"),
        Binding("escape", "forget", "Forget the choice", id="slider.forget"),
    ]
    """
    | Key | What it does |
    | :- | :- |
    | left, right | Choose the plan's step below or above. |
    | shift+left, shift+right, <, > | Choose one percent less or more. |
    | enter | Ask for the chosen share. |
    | escape | Forget the choice. |
    """

    DEFAULT_CSS = """
    RolloutSlider { height: 3; }
    """

    chosen: reactive[int | None] = reactive(None)
    """The share chosen and not yet asked for, in basis points; None: the current one."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the track, the plan's steps under it, and what the gate lets through."""
        rollout = state.rollout
        if rollout is None:
            return page([_empty_track(size.width), Content(""), _without_rollout(state)])
        return page(
            [
                track(state, rollout, self.chosen, size.width, focused=self.has_focus),
                step_labels(rollout, size.width),
                lock_line(state, rollout, self.chosen).truncate(size.width, ellipsis=True),
            ]
        )

    def watch_chosen(self) -> None:
        """Show the new choice."""
        self.show_state(self.room.state)

    def watch_has_focus(self, focused: bool) -> None:
        """Show whether arrow keys act here."""
        super().watch_has_focus(focused)
        self.show_state(self.room.state)

    def show_state(self, state: ConsoleState) -> None:
        """Draw a state; a choice that has come true is a choice no more."""
        if state.rollout and self.chosen == state.rollout.basis_points:
            self.chosen = None
        super().show_state(state)

    def action_choose(self, direction: int) -> None:
        """Choose the nearest step of the plan in a direction."""
        rollout = self.room.state.rollout
        if rollout is None:
            return
        here = self.chosen if self.chosen is not None else rollout.basis_points
        beyond = [stop for stop in _stops(rollout) if (stop - here) * direction > 0]
        if beyond:
            self._choose(beyond[0] if direction > 0 else beyond[-1], rollout)

    def action_shift(self, direction: int) -> None:
        """Choose a percent more or less."""
        rollout = self.room.state.rollout
        if rollout is None:
            return
        here = self.chosen if self.chosen is not None else rollout.basis_points
        self._choose(min(FULL, max(0, here + direction * FINE_STEP)), rollout)

    def action_propose(self) -> None:
        """Ask for the chosen share; the app asks back."""
        if self.chosen is not None:
            self.post_message(PercentProposed(self.chosen))

    def action_forget(self) -> None:
        """Go back to where the rollout stands."""
        self.chosen = None

    def on_click(self, event: Click) -> None:
        """Choose the plan's step that is nearest to the click; a second click on it asks."""
        rollout, place = self.room.state.rollout, event.get_content_offset(self)
        if rollout is None or place is None:
            return
        nearest = min(_stops(rollout), key=lambda stop: abs(_place(stop, self.size.width) - place.x))
        if nearest == self.chosen:
            self.action_propose()
        else:
            self._choose(nearest, rollout)

    def _choose(self, basis_points: int, rollout: RolloutState) -> None:
        self.chosen = None if basis_points == rollout.basis_points else basis_points


def _stops(rollout: RolloutState) -> list[int]:
    """Where the plan stops, and nothing, in basis points, lowest first."""
    return sorted({0, *(step.basis_points for step in rollout.plan.steps)})


def track(state: ConsoleState, rollout: RolloutState, chosen: int | None, width: int, *, focused: bool) -> Content:
    """The track: enforced part, the part the gate lets through, the locked rest; on it the labels."""
    tone = "$stale" if state.lost else "$foreground"
    here = _place(rollout.basis_points, width)
    unlocked = _place(_unlocked_to(state, rollout), width)
    marks = {_place(step.basis_points, width) for step in rollout.plan.steps}
    cells = []
    for x in range(width):
        if x <= here and rollout.basis_points:
            cells.append(Content.styled("━", tone))
        elif x in marks:
            cells.append(Content.styled("┃", "$gate-open" if x <= unlocked else "$muted"))
        else:
            cells.append(Content.styled("━", "$gate-open") if x <= unlocked else Content.styled("╌", "$line"))
    word = f"? {rollout_share(rollout.basis_points)}" if state.lost else rollout_share(rollout.basis_points)
    _label(cells, here, word, "bold $ink on $stale" if state.lost else "bold reverse")
    if chosen is not None:
        style = "bold $ink on $chosen" if focused else "bold $chosen"
        _label(cells, _place(chosen, width), rollout_share(chosen), style)
    return row(*cells)


def step_labels(rollout: RolloutState, width: int) -> Content:
    """The plan's steps as numbers under their places on the track; one that would overlap is left out."""
    line = [" "] * width
    for step in rollout.plan.steps:
        text = rollout_share(step.basis_points)
        start = min(width - len(text), max(0, _place(step.basis_points, width) - len(text) // 2))
        if all(cell == " " for cell in line[max(0, start - 1) : start + len(text) + 1]):
            line[start : start + len(text)] = text
    return Content.styled("".join(line), "$muted")


def lock_line(state: ConsoleState, rollout: RolloutState, chosen: int | None) -> Content:
    """What may be done with the slider now, and why not more."""
    here = rollout_share(rollout.basis_points)
    if state.read_only:
        return Content.styled("Read-only: this console changes nothing.", "$muted")
    if chosen is not None:
        return _choice_line(state, rollout, chosen)
    following = state.snapshot.next_percent if state.snapshot else None
    if rollout.phase is Phase.PAUSED:
        return Content.styled(f"‖ Paused at {here}: space resumes.", "$gate-hold")
    if rollout.phase is Phase.ROLLED_BACK:
        return Content.styled("Nothing is enforced. s starts again at 0 %.", "$muted")
    if following is None:
        return Content.styled(f"No step of the plan above {here}. ← chooses a lower share.", "$muted")
    if state.answer is Answer.OPEN:
        return Content.styled(
            f"{GLYPHS[Answer.OPEN]} Unlocked to {percent(following)}: p, or → and Enter.", "$gate-open"
        )
    return _locked(state, here)


def _choice_line(state: ConsoleState, rollout: RolloutState, chosen: int) -> Content:
    here, there = rollout_share(rollout.basis_points), rollout_share(chosen)
    ask = Content.styled(f"{here} → {there}: Enter asks, Esc keeps {here}. ", "$chosen")
    if chosen < rollout.basis_points:
        return row(ask, Content.styled("Going down is always allowed.", "$muted"))
    if chosen <= _unlocked_to(state, rollout):
        return ask
    return row(ask, _locked(state, here))


def _locked(state: ConsoleState, here: str) -> Content:
    if state.answer is None or state.gate is None:
        return Content.styled(f"? Locked above {here}: nothing current is known.", "$stale")
    if state.answer is Answer.OPEN:
        return Content.styled("Further than the plan's next step: the gate decides.", "$gate-hold")
    names = ", ".join(label(item).lower() for item in state.gate.conditions if item.answer is state.answer)
    word = "waits for" if state.answer is Answer.HOLD else "broken:"
    return Content.styled(f"{GLYPHS[state.answer]} Locked above {here}, {word} {names}.", TONES[state.answer])


def _unlocked_to(state: ConsoleState, rollout: RolloutState) -> int:
    """How far the gate lets through, in basis points."""
    following = state.snapshot.next_percent if state.snapshot else None
    if state.answer is not Answer.OPEN or following is None or rollout.phase is Phase.PAUSED:
        return rollout.basis_points
    return round(following * 100)


def _place(basis_points: int, width: int) -> int:
    return round(basis_points / FULL * (width - 1))


def _label(cells: list[Content], place: int, text: str, style: str) -> None:
    """Lay a filled label over the track, centred on a place and wholly inside."""
    text = f" {text} "
    start = min(len(cells) - len(text), max(0, place - len(text) // 2))
    cells[start : start + len(text)] = [Content.styled(letter, style) for letter in text]


def _without_rollout(state: ConsoleState) -> Content:
    """Nothing is enforced where it is certain that there is no rollout; otherwise nothing is claimed."""
    if state.snapshot is None or state.lost:
        return Content.styled("? Where the rollout stands is not known.", "$stale")
    return Content.styled("Nothing is enforced.", "$muted")


def _empty_track(width: int) -> Content:
    return Content.styled("╌" * width, "$line")
