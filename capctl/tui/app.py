"""The control room: one app that keeps the state, asks before it changes anything, and tells every panel what is new.

It holds no domain logic. Samples come in as messages from the poller, changes go out through the runner, and what an
operation may do is decided in the engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import tzinfo
from typing import Any, ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.signal import Signal

from capctl.tui.availability import why_not
from capctl.tui.bind import APP_BINDINGS, meant, offered, operation_bindings, prepared, spoken
from capctl.tui.command_line import parse, spell
from capctl.tui.confirmation import needs_question, question, slider_arguments
from capctl.tui.messages import (
    Call,
    CommandEntered,
    OperationDone,
    OperationFailed,
    OperationStarted,
    PercentProposed,
    SampleFailed,
    SnapshotTaken,
)
from capctl.tui.modals.answer import AnswerDialog, plain_text
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.modals.form import FormDialog
from capctl.tui.poller import Poller, Sampler
from capctl.tui.runner import Runner, Spawn, spawn_thread
from capctl.tui.screens.help import HelpScreen
from capctl.tui.screens.rollout import RolloutScreen
from capctl.tui.state import ConsoleState
from capctl.tui.theme_files import FALLBACK, ThemeShelf, load_themes, shipped_directory, user_directory
from capctl.tui.widgets.activity import Activity, ActivityLog
from capctl.tui.widgets.command_bar import CommandBar
from capctl.tui.wording import percent
from engine.context import EngineContext
from engine.drift.gate import Answer
from engine.errors import EngineError
from engine.ops.spec import REGISTRY, Danger

ACTIVITIES_KEPT = 100


class ControlRoom(App[None]):
    """The application.

    Args:
        ctx: On whose behalf, in which environment.
        sample: Takes a snapshot; called on the poller's thread.
        spawn: Where operations run.
        themes: What to dress in; the shipped and the user's own files by default.
        zone: The zone times are shown in; the machine's own by default.
        world_url: Where the embedded demonstration answers, if there is one.
    """

    TITLE = "capctl"
    MODES: ClassVar[dict[str, Any]] = {"rollout": RolloutScreen}
    DEFAULT_MODE = "rollout"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-stacked"), (120, "-wide")]  # noqa: RUF012 - typed so in the base
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (24, "-normal"), (36, "-tall")]  # noqa: RUF012 - as above
    BINDINGS: ClassVar[list[BindingType]] = [*operation_bindings(), *APP_BINDINGS]
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
        world_url: str = "",
    ) -> None:
        self._shelf = themes or load_themes([shipped_directory(), user_directory()])
        super().__init__()
        self.zone = zone
        self.world_url = world_url
        self.state_changed: Signal[ConsoleState] = Signal(self, "state")
        self.state = ConsoleState(
            env=ctx.env,
            interval_s=ctx.settings.poll_interval_s,
            now=ctx.clock.now(),
            monotonic_s=ctx.clock.monotonic(),
            read_only=ctx.read_only,
        )
        self._ctx = ctx
        self._poller = Poller(sample, self, interval_s=ctx.settings.poll_interval_s)
        self._runner = Runner(ctx, self, spawn=spawn)
        self._activities: tuple[Activity, ...] = ()
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

    def on_unmount(self) -> None:
        """Sample no more."""
        self._poller.stop()

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
        self._call_out(before)

    @on(SampleFailed)
    def show_failure(self, event: SampleFailed) -> None:
        """Let the last sample grow old, with the reason beside it."""
        self._publish(self._aged(self.state).with_failure(event.error))

    def action_run_operation(self, op_id: str) -> None:
        """Run an operation about what is on the screen, or say why that makes no sense now."""
        op = meant(REGISTRY[op_id], self.state)
        if reason := why_not(op, self.state):
            self.say(reason, title="Not now")
            return
        call = prepared(op, self.state)
        if any(param.required and param.name not in call.arguments for param in op.params):
            self.push_screen(FormDialog(op, call.arguments), lambda values: self._filled(call, values))
        else:
            self._ask(call)

    def action_break_glass(self) -> None:
        """Ask for a promotion past a gate that is not open."""
        op = REGISTRY["rollout.promote"]
        if self.state.answer is Answer.OPEN or self.state.read_only:
            self.say(why_not(op, self.state) or "The gate is open: p promotes.", title="Break-glass")
        elif self.state.rollout is None or self.state.snapshot is None or self.state.snapshot.next_percent is None:
            self.say(why_not(op, self.state), title="Break-glass")
        else:
            self._ask(prepared(op, self.state, {"break_glass": True}))

    def action_command_line(self) -> None:
        """Open the command line."""
        for bar in self.screen.query(CommandBar):
            bar.open()

    def action_next_theme(self) -> None:
        """Dress in the next theme."""
        file = self._shelf.after(self.theme)
        self.theme = self._shelf.name_for(file.name, production=self._ctx.settings.is_production)
        self.say(file.title, title="Theme", severity="information", timeout=2)

    def action_help(self) -> None:
        """Show every key and command."""
        note = f"The demonstration's verifier answers at {self.world_url}." if self.world_url else ""
        self.push_screen(HelpScreen(note))

    @on(CommandEntered)
    def run_command(self, event: CommandEntered) -> None:
        """Run what was typed, as if it had been typed into a shell."""
        try:
            call = parse(event.words, {op.id: op for op in offered()})
        except EngineError as error:
            self.say(error.hint, title=error.message, severity="error")
            return
        self._ask(prepared(call.op, self.state, call.arguments))

    @on(PercentProposed)
    def ask_for_percent(self, event: PercentProposed) -> None:
        """Turn a choice on the slider into the operation it stands for."""
        following = self.state.snapshot.next_percent if self.state.snapshot else None
        if event.basis_points == 0:
            self.action_run_operation("rollout.rollback")
        elif following is not None and event.basis_points == round(following * 100):
            self.action_run_operation("rollout.promote")
        else:
            self._ask(prepared(REGISTRY["rollout.set"], self.state, slider_arguments(event.basis_points)))

    @on(OperationStarted)
    def note_start(self, event: OperationStarted) -> None:
        """Write the command into the activity log."""
        activity = Activity(event.number, self._ctx.clock.now(), spell(event.call))
        self._keep((*self._activities, activity)[-ACTIVITIES_KEPT:])

    @on(OperationDone)
    def note_end(self, event: OperationDone) -> None:
        """Note that it went well, look at once, and show the answer to a question."""
        self._note(event.number, "done", failed=False)
        self._poller.hurry()
        if event.call.op.danger is Danger.READ:
            self.push_screen(AnswerDialog(spell(event.call), plain_text(event.call.op, event.result)))

    @on(OperationFailed)
    def note_failure(self, event: OperationFailed) -> None:
        """Note why it did not go, and say it where it is seen."""
        self._note(event.number, event.error.message, failed=True)
        self._poller.hurry()
        self.say(event.error.hint, title=event.error.message, severity="error", timeout=10)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 - Textual calls it so
        """Offer every operation and the console's own actions in the palette."""
        for op in offered():
            yield SystemCommand(" ".join(op.command), op.summary, lambda op_id=op.id: self.action_run_operation(op_id))
        for binding in APP_BINDINGS:
            if binding.action != "command_palette":
                yield SystemCommand(
                    binding.description,
                    f"Key {spoken(binding.key)}",
                    lambda action=binding.action: self.call_later(self.run_action, action),
                )

    def _filled(self, call: Call, values: dict[str, Any] | None) -> None:
        if values is not None:
            self._ask(replace(call, arguments={**call.arguments, **values}))

    def _ask(self, call: Call) -> None:
        if not needs_question(call.op):
            self._runner.submit(call)
            return
        self.push_screen(ConfirmDialog(question(call, self.state)), lambda typed: self._confirmed(call, typed))

    def _confirmed(self, call: Call, typed: dict[str, str] | None) -> None:
        if typed is not None:
            self._runner.submit(replace(call, arguments={**call.arguments, **typed}))

    def _aged(self, state: ConsoleState) -> ConsoleState:
        return state.at(self._ctx.clock.now(), self._ctx.clock.monotonic())

    def _publish(self, state: ConsoleState) -> None:
        self.state = self._aged(state)
        self.state_changed.publish(self.state)

    def _call_out(self, before: ConsoleState) -> None:
        """Say aloud what changed behind the operator's back: a closed gate, someone else's transition."""
        now = self.state
        if now.answer is Answer.CLOSED and before.answer not in (Answer.CLOSED, None):
            self.bell()
        if before.rollout is None or now.rollout is None or now.rollout.revision == before.rollout.revision:
            return
        if now.rollout.actor != self._ctx.actor:
            where = percent(now.rollout.basis_points / 100)
            self.say(
                now.rollout.reason,
                title=f"{now.rollout.actor}: now {where}, {now.rollout.phase.value.replace('_', ' ')}",
                timeout=10,
            )

    def _note(self, number: int, outcome: str, *, failed: bool) -> None:
        self._keep(
            tuple(
                replace(item, outcome=outcome, failed=failed) if item.number == number else item
                for item in self._activities
            )
        )

    def _keep(self, activities: tuple[Activity, ...]) -> None:
        self._activities = activities
        for screen in self.screen_stack:
            for log in screen.query(ActivityLog):
                log.activities = activities
