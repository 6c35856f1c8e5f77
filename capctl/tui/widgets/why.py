"""Why it drifts: the rules that explain it."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import count, sentence
from engine.drift.sample import Explanation

ROOMY_HEIGHT: Final = 6
"""From here on each rule has two lines."""


class WhyPanel(Panel):
    """The rules behind this step's drift, most frequent first; or what is wrong, when something is."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw problems first, then a line for each rule."""
        snapshot = state.snapshot
        lines = [heading("Why", "the rules behind the drift", size.width)]
        if snapshot is None:
            return page(lines)
        lines += [_problem(text, size.width) for text in snapshot.problems]
        if not state.measured:
            lines.append(Content.styled("nothing current", "$muted"))
        elif snapshot.explained:
            roomy = size.height > ROOMY_HEIGHT
            lines += [line for item in snapshot.explained for line in _explanation(item, size.width, roomy=roomy)]
        else:
            lines.append(Content.styled("no verdict differs", "$muted"))
        return page(lines[: size.height] if size.height else lines)


def _problem(text: str, width: int) -> Content:
    return Content.styled(f"! {sentence(text)}", "$gate-hold").truncate(width, ellipsis=True)


def _explanation(item: Explanation, width: int, *, roomy: bool) -> list[Content]:
    """A rule on one line, or on two where there is room for them."""
    rule = row(
        Content.styled(f"{count(item.count)}×", "bold $drift-bad"),
        Content.styled(f" {item.rule_id}", "bold"),
    )
    direction = item.direction.replace("_", "-") + (", preview" if item.preview else "")
    why = row(f"  {item.reason.replace('_', ' ')}", Content.styled(f"  {direction}", "$muted"))
    lines = [rule, why] if roomy else [row(rule, why)]
    return [line.truncate(width, ellipsis=True) for line in lines]
