"""The three checks of what was deployed: a line for each, with its verdict and its age."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.deploy import CANARY, CHECKS, LOAD, SMOKE, answer_of, mark_of, running
from capctl.tui.deploy_words import TITLES, check_line
from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age

KEYS = {SMOKE: "s", CANARY: "w", LOAD: "l"}


class DeployChecks(Panel):
    """Smoke test, canary watch and load test, in the order in which they are made."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a line for each."""
        lines = [heading("Checks", "s smoke   w watch the canary   l load   x stops", size.width)]
        lines += [_line(state, op_id) for op_id in CHECKS]
        return page([line.truncate(size.width, ellipsis=True) for line in lines])


def _line(state: ConsoleState, op_id: str) -> Content:
    mark = mark_of(state, op_id)
    return row(
        Content.styled(f"{KEYS[op_id]} ", "$muted"),
        cell(TITLES[op_id], 13),
        Content.styled(f"{mark.glyph} {mark.word:<9}", f"bold {mark.tone}"),
        cell(_age(state, op_id), 13, "$muted"),
        check_line(state, op_id),
    )


def _age(state: ConsoleState, op_id: str) -> str:
    if run := running(state, op_id):
        return f"for {age((state.now - run.at).total_seconds())}"
    said = answer_of(state, op_id)
    return f"{age((state.now - said[1]).total_seconds())} ago" if said else ""
