"""The control room: one app that keeps the state, asks before it changes anything, and tells every panel what is new.

It holds no domain logic. Samples come in as messages from the poller, changes go out through the runner, and what an
operation may do is decided in the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from typing import Any, ClassVar, cast

from textual import on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.events import DescendantFocus
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import Input

from capctl.tui.activities import Activity, begun, changed
from capctl.tui.bind import APP_BINDINGS, SCREEN_BINDINGS, operation_bindings
from capctl.tui.callout import has_closed, others_change
from capctl.tui.dispatch import Dispatcher
from capctl.tui.messages import (
    Call,
    CommandEntered,
    OperationDone,
    OperationFailed,
    OperationProgressed,
    OperationStarted,
    OperationYielded,
    PercentProposed,
    ReadingFailed,
    ReadingTaken,
    SampleFailed,
    SnapshotTaken,
)
from capctl.tui.modals.answer import answer_to
from capctl.tui.palette import system_commands
from capctl.tui.poller import Poller, Sampler
from capctl.tui.reading import Reading
from capctl.tui.runner import Runner, Spawn, spawn_thread
from capctl.tui.sampling import ScreenPollers
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.help import HelpScreen
from capctl.tui.screens.index import SCREENS, entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.theme_files import FALLBACK, ThemeShelf, load_themes, shipped_directory, user_directory
from capctl.tui.widgets.command_bar import CommandBar
from capctl.tui.world import World, bring_up
from engine.context import EngineContext
from engine.ops.spec import REGISTRY, Danger


class ControlRoom(App[None]):
    """The application.

    Args:
        ctx: On whose behalf, in which environment.
        sample: Takes a snapshot; called on the poller's thread.
        spawn: Where operations run.
        themes: What to dress in; the shipped and the user's own files by default.
        zone: The zone times are shown in; the machine's own by default.
        world: The embedded demonstration, if it stands in one; its processes are started behind the first picture.
    """

    TITLE = "capctl"
    MODES: ClassVar[dict[str, Any]] = {entry.name: entry.make for entry in SCREENS}
    DEFAULT_MODE = SCREENS[0].name
    CSS_PATH = "app.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-stacked"), (120, "-wide")]  # noqa: RUF012 - typed so in the base
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (24, "-normal"), (36, "-tall")]  # noqa: RUF012 - as above
    BINDINGS: ClassVar[list[BindingType]] = [*operation_bindings(), *APP_BINDINGS, *SCREEN_BINDINGS]
    COMMAND_PALETTE_BINDING = "f2"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        ctx: EngineContext,
        *,
        sample: Sampler,
        spawn: Spawn = spawn_thread,
        themes: ThemeShelf | None = None,
        zone: tzinfo | None = None,
        world: World | None = None,
    ) -> None:
        self._shelf = themes or load_themes([shipped_directory(), user_directory()])
        super().__init__()
        self.zone = zone
        self._world = world
        self._spawn = spawn
        self.state_changed: Signal[ConsoleState] = Signal(self, "state")
        self.state = ConsoleState(
            env=ctx.env,
            interval_s=ctx.settings.poll_interval_s,
            now=ctx.clock.now(),
            monotonic_s=ctx.clock.monotonic(),
            read_only=ctx.read_only,
        )
        self._ctx = ctx
        self._poller = Poller(
            sample, self, interval_s=ctx.settings.poll_interval_s, taken=SnapshotTaken, failed=SampleFailed
        )
        self._screen_pollers = ScreenPollers(ctx, self)
        self._runner = Runner(ctx, self, spawn=spawn)
        self._dispatcher = Dispatcher(self, self._runner)
        for file in self._shelf.files:
            for theme in file.themes():
                self.register_theme(theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give every meaning a colour even under a theme that does not know it."""
        fallback = next(file for file in self._shelf.files if file.name == FALLBACK)
        return dict(fallback.themes()[0].variables)

    def on_mount(self) -> None:
        """Dress, say what could not be read, and begin to sample."""
        settings = self._ctx.settings
        self.theme = self._shelf.name_for(settings.theme, production=settings.is_production)
        if self._shelf.problems:
            self.say("\n".join(self._shelf.problems), title="Theme not loaded")
        self.set_interval(1.0, self.tick)
        self._poller.start()
        if self._world is not None:
            self._spawn(partial(bring_up, self._world, self))

    def on_unmount(self) -> None:
        """Sample no more."""
        self._poller.stop()
        self._screen_pollers.stop()

    @on(DescendantFocus)
    def keep_still(self, event: DescendantFocus) -> None:
        """Let no cursor blink where nothing is to move: over a network each blink is sent."""
        if isinstance(event.widget, Input) and self.animation_level == "none":
            event.widget.cursor_blink = False

    @property
    def console_screen(self) -> ConsoleScreen:
        """The screen that is shown, below whatever lies over it."""
        return cast(ConsoleScreen, self.screen_stack[0])

    def action_go_to(self, name: str) -> None:
        """Show a screen. Only the one that is shown takes samples of its own."""
        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        self.switch_mode(name)
        self._screen_pollers.show(self.console_screen)

    def look_again(self) -> None:
        """Sample now: something has just been changed, or something else is looked at."""
        self._poller.hurry()
        self._screen_pollers.hurry()

    def say(self, message: str, *, title: str, severity: SeverityLevel = "warning", timeout: float = 6) -> None:
        """Show a toast. Its words may come from a policy or a colleague, so nothing in them is markup."""
        self.notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def tick(self) -> None:
        """Let what is shown grow older."""
        self._publish(self.state)

    @on(SnapshotTaken)
    def show_snapshot(self, event: SnapshotTaken) -> None:
        """Show a sample, and call out what others have done."""
        before = self.state
        self._publish(self._aged(before).with_snapshot(event.snapshot))
        if has_closed(before, self.state):
            self.bell()
        if told := others_change(before, self.state, actor=self._ctx.actor):
            self.say(told.message, title=told.title, timeout=10)

    @on(SampleFailed)
    def show_failure(self, event: SampleFailed) -> None:
        """Let the last sample grow old, with the reason beside it."""
        self._publish(self._aged(self.state).with_failure(event.error))

    @on(ReadingTaken)
    def show_reading(self, event: ReadingTaken) -> None:
        """Show a screen's own sample."""
        reading = self._reading(event.screen).taken(event.snapshot, self._ctx.clock.monotonic())
        self._publish(self.state.with_reading(event.screen, reading))

    @on(ReadingFailed)
    def show_failed_reading(self, event: ReadingFailed) -> None:
        """Let a screen's last sample grow old, with the reason beside it."""
        self._publish(self.state.with_reading(event.screen, self._reading(event.screen).failed(event.error)))

    def action_run_operation(self, op_id: str, dry_run: bool = False) -> None:
        """Run an operation about what is on the screen, or say why that makes no sense now."""
        self._dispatcher.run_operation(op_id, dry_run=dry_run)

    def action_break_glass(self) -> None:
        """Ask for a promotion past a gate that is not open."""
        self._dispatcher.break_glass()

    def action_command_line(self) -> None:
        """Open the command line."""
        for bar in self.screen.query(CommandBar):
            bar.open()

    def action_next_theme(self) -> None:
        """Dress in the next theme."""
        file = self._shelf.after(self.theme)
        self.theme = self._shelf.name_for(file.name, production=self._ctx.settings.is_production)
        self.say(file.title, title="Theme", severity="information", timeout=2)

    def action_runbook(self, name: str = "") -> None:
        """Open a runbook: the named one, else the one that fits."""
        self._dispatcher.ask(Call(REGISTRY["runbook.show"], {"name": name or self.console_screen.runbook()}))

    def action_help(self) -> None:
        """Show every key and command; on that page, go back."""
        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
            return
        url = self._world.url if self._world else ""
        note = f"The demonstration's verifiers answer at {url}." if url else ""
        self.push_screen(HelpScreen(note, place=self.console_screen.ENTRY.title))

    @on(CommandEntered)
    def run_command(self, event: CommandEntered) -> None:
        """Run what was typed, as if it had been typed into a shell."""
        self._dispatcher.run_words(event.words)

    @on(PercentProposed)
    def ask_for_percent(self, event: PercentProposed) -> None:
        """Turn a choice on the slider into the operation it stands for."""
        self._dispatcher.move_to(event.basis_points)

    @on(OperationStarted)
    def note_start(self, event: OperationStarted) -> None:
        """Write the command into the activity log."""
        activity = Activity(event.number, self._ctx.clock.now(), event.call)
        self._publish(replace(self.state, activities=begun(self.state.activities, activity)))

    @on(OperationProgressed)
    def note_progress(self, event: OperationProgressed) -> None:
        """Note how far it is."""
        now_s = self._ctx.clock.monotonic()
        self._change(event.number, lambda run: run.with_progress(event.progress, now_s))

    @on(OperationYielded)
    def note_event(self, event: OperationYielded) -> None:
        """Note where a watch stands."""
        self._change(event.number, lambda run: replace(run, event=event.event))

    def stop_run(self, number: int) -> None:
        """End a run of this console as Ctrl-C would; what comes of it is told when it has ended."""
        self._runner.stop(number)

    @on(OperationDone)
    def note_end(self, event: OperationDone) -> None:
        """Note that it went well, look at once, and show the answer to a question."""
        call, now = event.call, self._ctx.clock.now()
        self._change(event.number, lambda run: run.ended(now, result=event.result))
        self.look_again()
        is_question = call.dry_run or call.op.danger is Danger.READ or call.op.id in self.console_screen.SHOWN
        if is_question and not self.console_screen.draws(call):
            self.push_screen(answer_to(call, event.result))

    @on(OperationFailed)
    def note_failure(self, event: OperationFailed) -> None:
        """Note why it did not go, and say it where it is seen."""
        now = self._ctx.clock.now()
        self._change(event.number, lambda run: run.ended(now, error=event.error))
        self.look_again()
        self.say(event.error.hint, title=event.error.message, severity="error", timeout=10)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual calls it so
        """Offer every operation, every screen and the console's own actions in the palette."""
        return system_commands(self)

    def _aged(self, state: ConsoleState) -> ConsoleState:
        return state.at(self._ctx.clock.now(), self._ctx.clock.monotonic())

    def _publish(self, state: ConsoleState) -> None:
        self.state = self._aged(state)
        self.state_changed.publish(self.state)

    def _change(self, number: int, change: Callable[[Activity], Activity]) -> None:
        self._publish(replace(self.state, activities=changed(self.state.activities, number, change)))

    def _reading(self, name: str) -> Reading:
        interval_s = entry_of(name).load().INTERVAL_S
        return replace(self.state.reading(name), interval_s=interval_s or self.state.interval_s)
