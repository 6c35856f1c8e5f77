"""The frame of every dialog, from which the way back to safety stays open."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """A dialog that is left with Escape, or with the key that rolls back. Left so, it answers None.

    While a text field has the focus, letters are letters.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="dialog.cancel"),
        Binding("b", "roll_back", "Leave the dialog and roll back", id="dialog.rollback"),
    ]

    CSS_PATH = "dialog.tcss"

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)

    async def action_roll_back(self) -> None:
        """Leave without an answer and ask about rolling back instead."""
        self.dismiss(None)
        await self.app.run_action("run_operation('rollout.rollback')")
