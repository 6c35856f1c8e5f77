"""The frame of every dialog, from which the way back to safety stays open, by key and by click."""

from __future__ import annotations

from typing import ClassVar, Final, Generic, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from capctl.tui.modals.choice import Choice

Answer = TypeVar("Answer")

CLOSES: Final = "Esc closes"
"""At the foot of a dialog that only shows something; a click on it closes as well."""


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """A dialog that is left with Escape, or with the key that rolls back. Left so, it answers None.

    While a text field has the focus, letters are letters.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="dialog.cancel"),
        Binding("b", "roll_back", "Leave the dialog and roll back", id="dialog.rollback"),
    ]

    CSS_PATH = "dialog.tcss"

    @on(Choice.Chosen)
    def answer(self, event: Choice.Chosen) -> None:
        """Take a clicked answer."""
        if event.answer == "yes":
            self.action_confirm()
        else:
            self.action_cancel()

    def action_confirm(self) -> None:
        """Answer with what was typed, if it suffices. A dialog that only shows something has no such answer."""
        self.dismiss(None)

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)

    async def action_roll_back(self) -> None:
        """Leave without an answer and ask about rolling back instead."""
        self.dismiss(None)
        await self.app.run_action("run_operation('rollout.rollback')")
