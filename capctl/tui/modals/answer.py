"""What a question to the engine came to."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from capctl.tui.modals.dialog import Dialog


class AnswerDialog(Dialog[None]):
    """Shows what a reading operation returned.

    Args:
        command: The command line that gives the same.
        text: The answer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q", "cancel", "Close", id="answer.close")]

    def __init__(self, command: str, text: str) -> None:
        super().__init__()
        self._command = command
        self._text = text

    def compose(self) -> ComposeResult:
        """Lay out the command and its answer."""
        with Vertical(classes="dialog"):
            yield Static(f"$ {self._command}", classes="title", markup=False)
            with VerticalScroll():
                yield Static(self._text, markup=False)
            yield Static("Esc closes", classes="evidence")

    def on_mount(self) -> None:
        """Let arrow keys scroll."""
        self.query_one(VerticalScroll).focus()


def plain_text(result: Any) -> str:
    """A result as text: YAML of its data."""
    import yaml

    data = result.to_json() if hasattr(result, "to_json") else result
    return "done" if data is None else str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True)).rstrip()
