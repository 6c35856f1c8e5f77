"""A word that can be chosen in a dialog."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message
from textual.widgets import Static


class Choice(Static):
    """A word to choose: by click, by its own key, and by Enter only where it may have the focus.

    Args:
        text: What it says, with its key.
        answer: What it stands for.
        focusable: Whether Enter may choose it. A choice that changes something must not be.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Choose", id="choice.choose")]

    class Chosen(Message):
        """The word was chosen.

        Attributes:
            answer: What it stands for.
        """

        def __init__(self, answer: str) -> None:
            super().__init__()
            self.answer = answer

    def __init__(self, text: str, *, answer: str, focusable: bool) -> None:
        super().__init__(text, markup=False)
        self.can_focus = focusable
        self._answer = answer

    def action_choose(self) -> None:
        """Choose it."""
        self.post_message(self.Chosen(self._answer))

    def on_click(self, event: Click) -> None:
        """Choose it."""
        event.stop()
        self.action_choose()
