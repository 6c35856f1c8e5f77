"""A runbook over the screen on which it is needed."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import Resize
from textual.widgets import Static

from capctl.tui.drawing import page
from capctl.tui.markdown import drawn
from capctl.tui.modals.choice import Choice
from capctl.tui.modals.dialog import CLOSES, Dialog
from capctl.tui.wording import sentence
from engine.ops.results.runbook import Runbook, Runbooks

KEYS: Final = " · left, right another runbook · ] [ sections · b roll back"


class RunbookDialog(Dialog[None]):
    """Shows the runbook that was asked for, the first without one; arrows lead to the others.

    Args:
        found: Every runbook.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h,f1,q", "cancel", "Close", id="runbook.close"),
        Binding("left", "turn(-1)", "The runbook before", id="runbook.previous"),
        Binding("right", "turn(1)", "The runbook after", id="runbook.following"),
        Binding("right_square_bracket", "section(1)", "The next section", id="runbook.section"),
        Binding("left_square_bracket", "section(-1)", "The section before", id="runbook.section_before"),
    ]
    """
    | Key | What it does |
    | :- | :- |
    | up, down, page keys | Scroll. |
    | left, right | Another runbook. |
    | ], [ | The next section, the one before. |
    | h, f1, q, escape | Close. |
    """

    def __init__(self, found: Runbooks) -> None:
        super().__init__()
        self._runbooks = found.runbooks
        self._place = found.runbooks.index(found.shown) if found.shown else 0
        self._sections: list[int] = []

    @property
    def shown(self) -> Runbook:
        """The runbook that is open."""
        return self._runbooks[self._place]

    def compose(self) -> ComposeResult:
        """Lay out the title, the text, and the keys."""
        with Vertical(classes="dialog -broad -high"):
            yield Static(classes="title", markup=False)
            with VerticalScroll():
                yield Static(id="runbook", markup=False)
            with Horizontal(classes="foot"):
                yield Choice(CLOSES, answer="no", focusable=False)
                yield Static(KEYS, classes="evidence", markup=False)

    def on_mount(self) -> None:
        """Let arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - the text's own width counts
        """Lay the text out for the width."""
        self.call_after_refresh(self._show)

    def action_turn(self, by: int) -> None:
        """Open another runbook."""
        self._place = (self._place + by) % len(self._runbooks)
        self._show()
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_section(self, by: int) -> None:
        """Scroll to another section."""
        scroll = self.query_one(VerticalScroll)
        here = round(scroll.scroll_y)
        ahead = [line for line in self._sections if (line > here if by > 0 else line < here)]
        if ahead:
            scroll.scroll_to(y=min(ahead) if by > 0 else max(ahead), animate=False)

    def _show(self) -> None:
        width = self.query_one("#runbook", Static).size.width
        found = drawn(self.shown.text, max(20, width))
        self._sections = [0, *found.sections]
        self.query_one("#runbook", Static).update(page(found.lines))
        title = f"Runbook {self._place + 1} of {len(self._runbooks)}: {sentence(self.shown.title)}"
        self.query_one(".title", Static).update(title)
