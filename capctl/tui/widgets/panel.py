"""The base of every panel: draws a picture of the console's state, and only when the picture differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from capctl.tui.state import ConsoleState

if TYPE_CHECKING:
    from capctl.tui.app import ControlRoom


class Panel(Widget):
    """A part of the screen that shows the state and keeps none of its own.

    A subclass says in `picture` what it looks like. Panels are told of each new state by the app's signal and repaint
    only if something visible has changed: over a slow line an unchanged screen costs nothing.
    """

    DEFAULT_CSS = """
    Panel { height: auto; width: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._picture = Content("")

    @property
    def room(self) -> ControlRoom:
        """The app this panel belongs to."""
        return cast("ControlRoom", self.app)

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the state.

        Args:
            state: What to show.
            size: Cells and rows available.
        """
        raise NotImplementedError

    def on_mount(self) -> None:
        """Follow the state."""
        self.room.state_changed.subscribe(self, self.show_state)

    def on_resize(self) -> None:
        """Draw anew for another size."""
        self.show_state(self.room.state)

    def show_state(self, state: ConsoleState) -> None:
        """Draw a state, and repaint if it looks different. On a screen that is not shown nothing is drawn."""
        if not self.size or self.screen not in self.app.screen_stack:
            return
        picture = self.picture(state, self.size)
        if not picture.is_same(self._picture):
            self._picture = picture
            self.refresh()

    def render(self) -> Content:
        """The picture as last drawn."""
        return self._picture
