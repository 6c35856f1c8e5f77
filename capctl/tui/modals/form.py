"""A form for any operation, made from its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Static

from capctl.tui.command_line import convert_all, spell
from capctl.tui.messages import Call
from capctl.tui.modals.choice import Choice
from capctl.tui.modals.dialog import Dialog
from engine.errors import InvalidInput
from engine.ops.spec import Operation, Param


class FormDialog(Dialog[dict[str, Any]]):
    """Asks for an operation's parameters and answers with their values; what is left empty keeps its default.

    Args:
        op: The operation.
        given: Parameters that are settled already and not asked for.
        note: What to know before answering.
    """

    def __init__(self, op: Operation, given: Mapping[str, Any], note: str = "") -> None:
        super().__init__()
        self._note = note
        self._op = op
        self._given = {name: value for name, value in given.items() if value}
        self._params = [param for param in op.params if param.name not in given]

    def compose(self) -> ComposeResult:
        """Lay out a field for each parameter, the required ones first."""
        with Vertical(classes="dialog"):
            yield Static(self._op.summary, classes="title", markup=False)
            if self._given:
                yield Static(spell(Call(self._op, self._given)), classes="evidence", markup=False)
            if self._note:
                yield Static(self._note, classes="consequence", markup=False)
            with VerticalScroll(can_focus=False):
                for param in sorted(self._params, key=lambda param: not param.required):
                    yield Static(_label(param), classes="label", markup=False)
                    yield Input(id=f"param-{param.name}", placeholder=_placeholder(param))
            yield Static("", classes="problem", markup=False)
            with Horizontal(classes="choices"):
                yield Choice("Esc  Cancel", answer="no", focusable=True)
                yield Choice("Enter in the last field goes on", answer="yes", focusable=False)

    def on_mount(self) -> None:
        """Begin with the first field."""
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Go to the next field, and from the last one on."""
        if event.input is self.query(Input).last():
            self.action_confirm()
        else:
            self.focus_next()

    def action_confirm(self) -> None:
        """Answer with the values, if every one of them is one."""
        values: dict[str, Any] = {}
        for param in self._params:
            field = self.query_one(f"#param-{param.name}", Input)
            text = field.value.strip()
            try:
                # A required parameter left empty is converted too: its own type refuses nothing, or its rule says why.
                if text or param.required:
                    values[param.name] = convert_all(param, text)
            except InvalidInput as error:
                self.query_one(".problem", Static).update(f"{error.message}. {error.hint}")
                field.focus()
                return
        self.dismiss(values)


def _spoken(param: Param) -> str:
    return param.name.replace("_", " ")


def _label(param: Param) -> str:
    return f"{_spoken(param)}: {param.arg.help}"


def _placeholder(param: Param) -> str:
    if param.arg.choices:
        return ", ".join(param.arg.choices)
    return "required" if param.required else "" if param.default in (None, "") else str(param.default)
