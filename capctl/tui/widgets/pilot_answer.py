"""Where the pilot stands, large; and below it the four stages of a run with the progress of the present one."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import page, row
from capctl.tui.headline import BADGE_WIDTH, draw_headline, texts_of
from capctl.tui.pilot import Stage, checked, look_of, pilot_headline, stages, under_way
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import count, duration, rate

MARKS: Final = {"open": ("○", "$gate-open"), "hold": ("…", "$gate-hold"), "": ("·", "$muted")}


class PilotAnswer(Panel):
    """A badge with the state of the pilot, and beside it what to make of it."""

    DEFAULT_CSS = """
    PilotAnswer { height: 3; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and up to four lines beside it."""
        headline = pilot_headline(state)
        texts = texts_of(headline, size.width - BADGE_WIDTH - 2, _system_line(state))
        return draw_headline(headline, texts, size)


class PilotStages(Panel):
    """The stages of a run on one line, and a bar for the one that is under way."""

    DEFAULT_CSS = """
    PilotStages { height: 2; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw both lines."""
        parts = [part for stage in stages(state) for part in (_stage(stage), Content("   "))]
        return page([row(*parts).truncate(size.width, ellipsis=True), _bar(state, size.width)])


def _system_line(state: ConsoleState) -> Content:
    """Which system is meant, and what the latest check found there."""
    look, check = look_of(state), checked(state)
    if look is None or not look.system:
        return Content("")
    told = f"SAP: {look.system}"
    if check:
        suppliers = "" if check.suppliers is None else f", {count(check.suppliers)} suppliers"
        key = "" if check.has_unique_key else "; the table's key is not unique"
        told += f" · checked: client {check.client or 'none'}{suppliers}{key}"
    return Content.styled(told, "$muted")


def _stage(stage: Stage) -> Content:
    glyph, tone = MARKS[stage.answer]
    figures = "" if not stage.answer else f" {count(stage.done)}" + (f"/{count(stage.total)}" if stage.total else "")
    return row(Content.styled(f"{glyph} ", f"bold {tone}"), stage.name, Content.styled(figures, "bold"))


def _bar(state: ConsoleState, width: int) -> Content:
    run = under_way(state)
    step = run.step(run.doing.step) if run and run.doing else None
    if step is None or not step.progress.total:
        return Content.styled("─" * width, "$line")
    done, total = step.progress.done, step.progress.total
    per_s = step.per_s(state.monotonic_s)
    note = f"  {done * 100 // total} %" + (
        f"  {rate(per_s)}/s, {duration((total - done) / per_s)} left" if per_s else ""
    )
    cells = max(0, width - len(note))
    filled = min(cells, round(done / total * cells))
    return row(
        Content.styled("━" * filled, "$gate-hold"),
        Content.styled("─" * (cells - filled), "$line"),
        Content.styled(note, "$muted"),
    )
