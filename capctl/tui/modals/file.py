"""Asks where a document is to be written."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from capctl.tui.modals.choice import Choice
from capctl.tui.modals.dialog import Dialog


class FileDialog(Dialog[str]):
    """Asks for a file and answers with its path as it was typed.

    Args:
        title: What is written.
        about: What it holds.
        proposed: The name that stands in the field at first.
    """

    def __init__(self, title: str, about: str, proposed: str) -> None:
        super().__init__()
        self._title = title
        self._about = about
        self._proposed = proposed

    def compose(self) -> ComposeResult:
        """Lay out the question, the field, and the two answers."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="title", markup=False)
            yield Static(self._about, classes="consequence", markup=False)
            yield Static("File; one that is there is replaced", classes="label", markup=False)
            yield Input(self._proposed, id="file", select_on_focus=False)
            with Horizontal(classes="choices"):
                yield Choice("Esc  Cancel", answer="no", focusable=True)
                yield Choice("Enter  Write it", answer="yes", focusable=False)

    def on_mount(self) -> None:
        """Begin with the field."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def action_confirm(self) -> None:
        """Answer with what was typed."""
        self.dismiss(self.query_one(Input).value.strip() or None)
