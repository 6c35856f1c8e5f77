"""The question before a change. Cancel has the focus, and `y` is not the key that asked."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widgets import Input, Static

from capctl.tui.confirmation import Field, Question
from capctl.tui.modals.choice import Choice
from capctl.tui.modals.dialog import Dialog


class ConfirmDialog(Dialog[dict[str, str]]):
    """Asks a question and answers with what was typed into its fields, or None for no.

    Args:
        asked: The question.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "confirm", "Yes", id="confirm.yes"),
        Binding("n", "cancel", "No", id="confirm.no"),
    ]
    """
    | Key | What it does |
    | :- | :- |
    | y | Yes, do it. |
    | enter | In the last field, with everything typed as it is asked for: yes. Elsewhere: no. |
    | n, escape | No. |
    """

    def __init__(self, asked: Question) -> None:
        super().__init__()
        self._asked = asked

    def compose(self) -> ComposeResult:
        """Lay out the question, its fields, and the two answers."""
        asked = self._asked
        with Vertical(classes="dialog -grave" if asked.grave else "dialog"):
            yield Static(asked.title, classes="title", markup=False)
            yield Static(asked.consequence, classes="consequence", markup=False)
            if asked.evidence:
                yield Static(asked.evidence, classes="evidence", markup=False)
            for position, field in enumerate(asked.fields):
                yield Static(field.label, classes="label", markup=False)
                yield Input(id=f"field-{position}", select_on_focus=False, password=field.is_secret)
            yield Static("", classes="problem", markup=False)
            with Horizontal(classes="choices"):
                yield Choice("Esc  Cancel", answer="no", focusable=True)
                yield Choice(f"{'Enter' if asked.fields else 'y'}  {asked.verb}", answer="yes", focusable=False)

    def on_mount(self) -> None:
        """Put the focus where Enter does no harm."""
        self.query_one("#field-0" if self._asked.fields else Choice).focus()

    @on(DescendantFocus)
    def name_the_key(self) -> None:
        """Say which key says yes: while letters go into a field, `y` is one of them."""
        key = "Enter" if isinstance(self.focused, Input) else "y"
        self.query(Choice).last().update(f"{key}  {self._asked.verb}")

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """Go on from a field to the next; in the last one, take what was typed for a yes."""
        if event.input is self.query(Input).last():
            self.action_confirm()
        else:
            self.focus_next()

    @on(Input.Changed)
    def take_back_the_problem(self) -> None:
        """What was wrong is being mended."""
        self.query_one(".problem", Static).update("")

    def action_confirm(self) -> None:
        """Say yes, if everything that must be typed has been."""
        values = {position: self.query_one(f"#field-{position}", Input).value for position, _ in self._numbered()}
        for position, field in self._numbered():
            if not field.accepts(values[position]):
                self.query_one(".problem", Static).update(_wrong(field, values[position]))
                self.query_one(f"#field-{position}").focus()
                return
        typed = {field.name: (field, values[position]) for position, field in self._numbered() if field.name}
        self.dismiss({name: text if field.is_secret else text.strip() for name, (field, text) in typed.items()})

    def _numbered(self) -> list[tuple[int, Field]]:
        return list(enumerate(self._asked.fields))


def _wrong(field: Field, text: str) -> str:
    return f"That is {text.strip()!r}: type {field.expected}." if text.strip() and field.expected else f"{field.label}."
