"""Everything about one step of the cutover, where the screen has no room for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from capctl.tui.drawing import page
from capctl.tui.modals.choice import Choice
from capctl.tui.modals.dialog import CLOSES, Dialog
from capctl.tui.widgets.cutover_detail import labelled

TEXT_WIDTH: Final = 68
"""Columns of the text: the dialog without its padding."""


class StepDialog(Dialog[None]):
    """Shows a step.

    Args:
        title: Which step.
        details: Names and texts.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q", "cancel", "Close", id="step.close")]

    def __init__(self, title: str, details: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._details = details

    def compose(self) -> ComposeResult:
        """Lay out the title and the texts."""
        lines = [line for label, text in self._details for line in labelled(label, text, TEXT_WIDTH)]
        with Vertical(classes="dialog -broad"):
            yield Static(self._title, classes="title", markup=False)
            with VerticalScroll():
                yield Static(page(lines))
            yield Choice(CLOSES, answer="no", focusable=False)

    def on_mount(self) -> None:
        """Let arrow keys scroll."""
        self.query_one(VerticalScroll).focus()
