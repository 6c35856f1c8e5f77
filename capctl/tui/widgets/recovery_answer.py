"""What would be lost now, large; and below it the parts of what is being done, or was done last."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.activities import Activity, latest
from capctl.tui.drawing import page, row
from capctl.tui.headline import BADGE_WIDTH, draw_headline, texts_of
from capctl.tui.recovery import SCREEN, WORKING, Stage, look_of, recovery_headline, stages
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age

MARKS: Final = {
    "open": ("○", "$gate-open"),
    "hold": ("…", "$gate-hold"),
    "closed": ("■", "$gate-closed"),
    "": ("·", "$muted"),
}


class RecoveryAnswer(Panel):
    """A badge with the answer; beside it what to do, why, and how old the look is."""

    DEFAULT_CSS = """
    RecoveryAnswer { height: 4; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and up to four lines beside it."""
        headline = recovery_headline(state)
        texts = texts_of(headline, size.width - BADGE_WIDTH - 2, _equipment_line(state))
        return draw_headline(headline, texts, size)


class RecoveryStages(Panel):
    """The parts of the operation under way, else of the last one, on one line, with a bar below."""

    DEFAULT_CSS = """
    RecoveryStages { height: 2; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw both lines."""
        run = latest(state.activities, *WORKING)
        return page([_stages_line(run).truncate(size.width, ellipsis=True), _bar(run, state, size.width)])


def _equipment_line(state: ConsoleState) -> Content:
    look = look_of(state)
    if look is None:
        return Content("")
    number = len(look.recipients)
    told = f"{number} recipient{'' if number == 1 else 's'}"
    told += " · an identity is here" if look.has_identity else " · no identity here"
    seen = age(state.reading(SCREEN).age_s(state.monotonic_s))
    return Content.styled(f"{told} · seen {seen} ago", "$muted")


def _stages_line(run: Activity | None) -> Content:
    if run is None:
        return Content.styled("no backup, check or drill is under way", "$muted")
    name = Content.styled(f"{' '.join(run.call.op.command)}:  ", "bold")
    found = stages(run)
    if not found:
        return row(name, "under way" if run.is_running else run.outcome)
    return row(name, *(part for stage in found for part in (_stage(stage), Content("  "))))


def _stage(stage: Stage) -> Content:
    glyph, tone = MARKS[stage.answer]
    return row(
        Content.styled(f"{glyph} ", f"bold {tone}"), Content.styled(stage.name, "" if stage.answer else "$muted")
    )


def _bar(run: Activity | None, state: ConsoleState, width: int) -> Content:
    if run is None or not run.is_running:
        return Content.styled("─" * width, "$line")
    told = run.current
    share = told.done / told.total if told and told.total else 0.0
    since = age((state.now - run.at).total_seconds())
    note = f"  {share:.0%}  {since}" if share else f"  {since}"
    cells = max(0, width - len(note))
    filled = min(cells, round(share * cells))
    return row(
        Content.styled("━" * filled, "$gate-hold"),
        Content.styled("─" * (cells - filled), "$line"),
        Content.styled(note, "$muted"),
    )
