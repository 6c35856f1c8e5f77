"""The command line at the foot of the screen, in the words of the shell."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.suggester import SuggestFromList
from textual.widgets import Input

from capctl.tui.bind import offered
from capctl.tui.messages import CommandEntered


class CommandBar(Input):
    """Takes one command; Escape leaves it. Posts `CommandEntered`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave the command line", id="command.leave"),
        Binding("tab", "cursor_right", "Take the suggestion", id="command.complete"),
    ]
    """
    | Key | What it does |
    | :- | :- |
    | enter | Run the command; one that changes something asks first. |
    | tab, right | Take the suggestion. |
    | escape | Leave the command line. |
    """

    DEFAULT_CSS = """
    CommandBar {
        height: 1; dock: bottom; display: none; border: none; padding: 0 1;
        background: $surface; color: $foreground;
    }
    CommandBar:focus { border: none; }
    CommandBar.-open { display: block; }
    """

    def __init__(self) -> None:
        commands = sorted(" ".join(op.command) for op in offered())
        super().__init__(
            placeholder="rollout set 25, gate check, … Esc leaves",
            suggester=SuggestFromList(commands),
            id="command-bar",
        )

    def open(self) -> None:
        """Show the line and type into it."""
        self.value = ""
        self.add_class("-open")
        self.focus()

    def action_leave(self) -> None:
        """Hide the line."""
        self.remove_class("-open")
        self.screen.focus_next()

    def on_blur(self) -> None:
        """Hide the line when something else is used."""
        self.remove_class("-open")

    @on(Input.Submitted)
    def enter_command(self, event: Input.Submitted) -> None:
        """Hand the words over."""
        event.stop()
        words = self.value
        self.action_leave()
        if words.strip():
            self.post_message(CommandEntered(words.strip().removeprefix(":")))
