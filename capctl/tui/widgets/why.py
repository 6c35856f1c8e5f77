"""Why it drifts: the rules that explain it."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import heading, page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import count, sentence
from engine.drift.sample import Explanation


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
            lines += [_explanation(item, size.width) for item in snapshot.explained]
        else:
            lines.append(Content.styled("no verdict differs", "$muted"))
        return page(lines[: size.height] if size.height else lines)


def _problem(text: str, width: int) -> Content:
    return Content.styled(f"! {sentence(text)}", "$gate-hold").truncate(width, ellipsis=True)


def _explanation(item: Explanation, width: int) -> Content:
    direction = item.direction.replace("_", "-") + (" (preview)" if item.preview else "")
    return row(
        Content.styled(f"{count(item.count)}×", "bold $drift-bad"),
        Content.styled(f" {item.rule_id}", "bold"),
        f"  {item.reason.replace('_', ' ')}",
        Content.styled(f"  {direction}", "$muted"),
    ).truncate(width, ellipsis=True)
