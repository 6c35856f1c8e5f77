"""The lower part of the Deploy screen: one view at a time, that of what was done last unless another is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.geometry import Size
from textual.reactive import reactive

from capctl.tui.deploy import OWN, status_of
from capctl.tui.drawing import page, row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.deploy_views import OF, VIEWS, lines_of
from capctl.tui.widgets.panel import Panel
from engine.cutover.target import Revision

GAP = "  "


class DeployDetail(Panel, can_focus=True):
    """A view of plan, output, revisions or a check; left and right turn to the others, up and down scroll or choose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Turn to the view before", id="deploy.left"),
        Binding("right", "turn(1)", "Turn to the view after", id="deploy.right"),
        Binding("up,k", "move(-1)", "Scroll up; choose the revision above", id="deploy.up"),
        Binding("down,j", "move(1)", "Scroll down; choose the revision below", id="deploy.down"),
        Binding("escape", "follow", "Show again what was done last, and follow it", id="deploy.follow"),
    ]

    chosen_view: reactive[str] = reactive("")
    """The view that was chosen; empty follows what is done."""
    place: reactive[int] = reactive(0)
    """The first line that is shown, or the chosen revision; of output counted from its end."""

    def view(self, state: ConsoleState) -> str:
        """Which view is shown."""
        if self.chosen_view:
            return self.chosen_view
        runs = [run for run in state.activities if run.call.op.id in OWN]
        busy = [run for run in runs if run.is_running]
        if busy or runs:
            last = (busy or runs)[-1]
            return "plan" if last.call.dry_run else OF[last.call.op.id]
        status = status_of(state)
        return "revisions" if status and status.history else "plan"

    def revision(self, state: ConsoleState) -> Revision | None:
        """The revision that is chosen, where revisions are shown."""
        status = status_of(state)
        if self.view(state) != "revisions" or status is None or not status.history:
            return None
        return status.history[min(self.place, len(status.history) - 1)]

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the names of the views, and the lines that fit."""
        view, height = self.view(state), max(1, size.height - 1)
        lines = lines_of(view, state, size.width, height, self.place if view == "revisions" else None)
        shown = _window(lines, view, self.place, height)
        return page(
            [
                _tabs(view, len(lines) > height, size.width),
                *(each.truncate(size.width, ellipsis=True) for each in shown),
            ]
        )

    def watch_chosen_view(self) -> None:
        """Show the other view from its beginning."""
        self.place = 0
        self.show_state(self.room.state)

    def watch_place(self) -> None:
        """Show what is chosen."""
        self.show_state(self.room.state)

    def action_turn(self, views: int) -> None:
        """Turn to another view."""
        names = list(VIEWS)
        self.chosen_view = names[(names.index(self.view(self.room.state)) + views) % len(names)]

    def action_move(self, lines: int) -> None:
        """Scroll, or choose another revision."""
        state, height = self.room.state, max(1, self.size.height - 1)
        view = self.view(state)
        total = len(lines_of(view, state, self.size.width, height, None))
        last = total - 1 if view == "revisions" else max(0, total - height)
        steps = -lines if view == "output" else lines
        self.place = max(0, min(self.place + steps, last))

    def action_follow(self) -> None:
        """Show what was done last again."""
        self.chosen_view, self.place = "", 0

    def on_click(self, event: Click) -> None:
        """Turn to the view whose name was clicked; choose the revision that was clicked."""
        if event.y == 0:
            at = 0
            for name, title in VIEWS.items():
                if at <= event.x < at + len(title) + 2:
                    self.chosen_view = name
                at += len(title) + 2
        elif self.view(self.room.state) == "revisions":
            self.place = event.y - 1 + max(0, self.place - max(1, self.size.height - 1) + 1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.action_move(-1)


def _window(lines: Sequence[Content], view: str, place: int, height: int) -> Sequence[Content]:
    """The lines that are seen: of output the last ones, of revisions those around the chosen one."""
    if view == "output":
        end = len(lines) - min(place, max(0, len(lines) - height))
        return lines[max(0, end - height) : end]
    first = max(0, place - height + 1) if view == "revisions" else min(place, max(0, len(lines) - height))
    return lines[first : first + height]


def _tabs(view: str, scrolls: bool, width: int) -> Content:
    parts = [
        Content.styled(f"[{title}]" if name == view else f" {title} ", "bold" if name == view else "$muted")
        for name, title in VIEWS.items()
    ]
    hint = "← → views" + (" ↑ ↓ more" if scrolls else "")
    title = row(*parts)
    rest = max(0, width - title.cell_length - len(hint) - 2)
    return row(title, " ", Content.styled("─" * rest, "$line"), " ", Content.styled(hint, "$muted")).truncate(width)
