"""What the verification said: how many suppliers got which verdict, and which rules did not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.pilot import plan_of, shown_run
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import count
from engine.ops.results.pilot import PlannedRow

STATUS_MARKS: Final = {"FAIL": ("■", "$drift-bad"), "WARN": ("!", "$drift-warn"), "OK": ("○", "$drift-ok")}
"""Glyph and tone of each status, the worst first."""


class PilotVerdicts(Panel):
    """A bar for each verdict, and below them the rules, most frequent first."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw both; after a dry run what its rows have in common instead of the rules."""
        plan, run = plan_of(state), shown_run(state)
        if plan is not None and plan.planned is not None:
            return page(_fitted(_plan_lines(plan.planned, size.width), size.height))
        lines = [heading("Verdicts", f"{count(run.total)} suppliers" if run else "", size.width)]
        if run is None:
            return page([*lines, Content.styled("nothing is verified yet", "$muted")])
        lines += [_verdict(name, run.verdicts.get(name.lower(), 0), run.total, size.width) for name in STATUS_MARKS]
        lines.append(heading("Rules", "that did not hold", size.width))
        lines += [_rule(v.suppliers, v.rule_id, v.reason, size.width) for v in run.violations]
        if not run.violations:
            lines.append(Content.styled("every rule holds for every supplier", "$muted"))
        return page(_fitted(lines, size.height))


def _plan_lines(planned: Sequence[PlannedRow], width: int) -> list[Content]:
    """Rows by status, and the properties that all of them have in common."""
    numbers = Counter(row.status for row in planned)
    lines = [heading("Verdicts", "that would be written", width)]
    lines += [_verdict(name, numbers[name], len(planned), width) for name in STATUS_MARKS]
    lines.append(heading("In every row", "", width))
    contents = [row.content for row in planned]
    for name in contents[0] if contents else ():
        values = {content[name] for content in contents}
        if len(values) == 1:
            lines.append(row(cell(name, 14, "$muted"), values.pop()).truncate(width, ellipsis=True))
    return lines


def _verdict(name: str, number: int, total: int, width: int) -> Content:
    glyph, tone = STATUS_MARKS[name]
    room = max(0, width - 18)
    filled = 0 if not number else max(1, round(number / total * room))
    return row(
        Content.styled(f"{glyph} ", f"bold {tone}"),
        cell(name, 5, tone if number else "$muted"),
        cell(count(number), 8, "bold" if number else "$muted", right=True),
        "  ",
        Content.styled("━" * filled, tone),
        Content.styled("─" * (room - filled), "$line"),
    )


def _rule(suppliers: int, rule_id: str, reason: str, width: int) -> Content:
    return row(
        Content.styled(f"{count(suppliers)}×", "bold"),
        f" {rule_id}",
        Content.styled(f"  {reason.replace('_', ' ')}", "$muted"),
    ).truncate(width, ellipsis=True)


def _fitted(lines: list[Content], height: int) -> list[Content]:
    if height <= 0 or len(lines) <= height:
        return lines
    hidden = len(lines) - height + 1
    return [*lines[: height - 1], Content.styled(f"and {hidden} more: :pilot status", "$muted")]
