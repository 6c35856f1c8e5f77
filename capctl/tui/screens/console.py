"""The base of every screen: the frame that all have in common, and what a screen may say about its operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from capctl.tui.confirmation import Question
from capctl.tui.messages import Call
from capctl.tui.runbooks import FITTING
from capctl.tui.screens.index import ScreenEntry
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.command_bar import CommandBar
from capctl.tui.widgets.header import Header
from capctl.tui.widgets.key_bar import KeyBar
from capctl.tui.widgets.panel import Panel
from capctl.tui.widgets.tabs import ScreenTabs
from engine.ops.runbook import NAMES
from engine.ops.spec import Operation

if TYPE_CHECKING:
    from capctl.tui.app import ControlRoom
    from engine.context import EngineContext

TOO_SMALL: Final = "capctl needs a terminal of at least 60x16. `capctl status` works in any."


class ConsoleScreen(Screen[None]):
    """Header, tabs, the screen's own panels, key bar and command line.

    A subclass names its row of the table, lays its panels out in `body`, and binds its operations:

        ENTRY = entry_of("keys")
        BINDINGS = operation_bindings(ENTRY)

    Everything else below has a default that suits a screen which only shows the rollout's state.
    """

    ENTRY: ClassVar[ScreenEntry]
    EXPLAINED: ClassVar[tuple[type[Widget], ...]] = ()
    """Widgets with keys of their own, for the help page."""
    DRAWN: ClassVar[frozenset[str]] = frozenset()
    """Reading operations whose answer the screen draws itself; other answers are shown in a dialog."""
    SHOWN: ClassVar[frozenset[str]] = frozenset()
    """Changing operations whose answer is shown in a dialog when they have ended, as that of a question is."""
    INSTEAD: ClassVar[Mapping[str, str]] = {}
    """What a key that works everywhere runs here instead: an operation that does the same and more."""
    SAMPLED: ClassVar[bool] = False
    """Whether `take` is to be called."""
    INTERVAL_S: ClassVar[float | None] = None
    """Pause between two samples of this screen; the console's own when None."""

    DEFAULT_CSS = """
    ConsoleScreen { background: $background; color: $foreground; }
    ConsoleScreen #too-small { display: none; width: 1fr; height: 1fr; }
    ConsoleScreen #too-small { content-align: center middle; text-align: center; }
    ConsoleScreen.-tiny #too-small, ConsoleScreen.-flat #too-small { display: block; }
    ConsoleScreen.-tiny #room, ConsoleScreen.-flat #room { display: none; }
    ConsoleScreen.-tiny KeyBar, ConsoleScreen.-flat KeyBar { display: none; }
    ConsoleScreen #room { height: 1fr; }
    """

    def body(self) -> ComposeResult:
        """Lay out the screen's own panels."""
        raise NotImplementedError

    def take(self, ctx: EngineContext) -> Any:
        """Take the screen's own sample: one immutable value. Called again and again while the screen is visible.

        It runs on the poller's thread: it reads nothing of the screen but plain attributes, and changes nothing.

        Args:
            ctx: Its own copy, with a store connection of its own that stays open.

        Raises:
            EngineError: The source does not answer; the last sample stays, and grows old.
        """
        raise NotImplementedError

    def draws(self, call: Call) -> bool:
        """Whether the screen shows itself what a call came to; else a dialog does."""
        return call.op.id in self.DRAWN

    def arguments(self, op: Operation, state: ConsoleState) -> Mapping[str, Any]:  # noqa: ARG002 - for subclasses
        """What the screen gives an operation whose key was pressed: the thing that is chosen on it."""
        return {}

    def why_not(self, op: Operation, state: ConsoleState) -> str:  # noqa: ARG002 - for subclasses
        """Why an operation makes no sense on this screen now; empty when it does."""
        return ""

    def why_idle(self, action: str, state: ConsoleState) -> str:  # noqa: ARG002 - for subclasses
        """Why an action of the screen's own does nothing now; empty when it works."""
        return ""

    def is_hinted(self, op: Operation, state: ConsoleState) -> bool:  # noqa: ARG002 - for subclasses
        """Whether an operation with a word stands on the key bar now."""
        return True

    def runbook(self) -> str:
        """Name of the runbook that fits what is on the screen."""
        return FITTING.get(self.ENTRY.name, NAMES[0])

    def question(self, call: Call, state: ConsoleState) -> Question | None:  # noqa: ARG002 - for subclasses
        """The question before a call in the screen's own words; None for the usual ones."""
        return None

    def note(self, op: Operation, state: ConsoleState) -> str:  # noqa: ARG002 - for subclasses
        """What to know before answering the form of an operation whose key was pressed; empty when it asks enough."""
        return ""

    @property
    def room(self) -> ControlRoom:
        """The app this screen belongs to."""
        return cast("ControlRoom", self.app)

    def compose(self) -> ComposeResult:
        """Lay out the frame, and the panels in it."""
        yield Static(TOO_SMALL, id="too-small")
        with Vertical(id="room"):
            yield Header()
            yield ScreenTabs()
            yield from self.body()
        yield KeyBar()
        yield CommandBar()

    def on_screen_resume(self) -> None:
        """Show what has become of the state meanwhile: panels that nobody sees are not drawn."""
        for panel in self.query(Panel):
            panel.show_state(self.room.state)
