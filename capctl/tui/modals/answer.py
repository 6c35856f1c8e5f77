"""What a question to the engine came to."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from capctl.text.layout import render
from capctl.text.views.select import view_of
from capctl.tui.command_line import spell
from capctl.tui.messages import Call
from capctl.tui.modals.choice import Choice
from capctl.tui.modals.dialog import CLOSES, Dialog
from capctl.tui.modals.runbook import RunbookDialog
from engine.ops.results.runbook import Runbooks
from engine.ops.spec import Operation

TEXT_WIDTH: Final = 68
"""Columns of the answer: the dialog without its padding."""


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
        with Vertical(classes="dialog -broad"):
            yield Static(f"$ {self._command}", classes="title", markup=False)
            with VerticalScroll():
                yield Static(self._text, markup=False)
            yield Choice(CLOSES, answer="no", focusable=False)

    def on_mount(self) -> None:
        """Let arrow keys scroll."""
        self.query_one(VerticalScroll).focus()


def answer_to(call: Call, result: Any) -> Dialog[None]:
    """The dialog that shows what a call returned."""
    if isinstance(result, Runbooks):
        return RunbookDialog(result)
    return AnswerDialog(spell(call), plain_text(call.op, result))


def plain_text(op: Operation, result: Any) -> str:
    """A result in the words that the command line has for it."""
    return "\n".join(render(view_of(op)(result), width=TEXT_WIDTH, color=False))
