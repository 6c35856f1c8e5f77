"""From a key, a typed command or the slider to a run: what makes no sense now is refused, what is missing is asked for.

Whatever changes something is asked about here, wherever it was called from. Whether it is allowed is the engine's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from capctl.tui.availability import why_not
from capctl.tui.bind import meant, offered, prepared
from capctl.tui.command_line import parse
from capctl.tui.confirmation import PASSPHRASE, needs_question, question, slider_arguments
from capctl.tui.messages import Call
from capctl.tui.modals.confirm import ConfirmDialog
from capctl.tui.modals.form import FormDialog
from engine.drift.gate import Answer
from engine.errors import EngineError
from engine.ops.catalogue import REGISTRY

if TYPE_CHECKING:
    from capctl.tui.app import ControlRoom
    from capctl.tui.runner import Runner


class Dispatcher:
    """Takes calls to the runner, past the operator.

    Args:
        room: Whose state and screen a call is about, and where is asked.
        runner: Takes what is to be run.
    """

    def __init__(self, room: ControlRoom, runner: Runner) -> None:
        self._room = room
        self._runner = runner

    def run_operation(self, op_id: str, *, dry_run: bool = False) -> None:
        """Run an operation about what is on the screen, or say why that makes no sense now."""
        state, screen = self._room.state, self._room.console_screen
        op = meant(REGISTRY[op_id], state, screen)
        if reason := why_not(op, state, screen):
            self._room.say(reason, title="Not now")
            return
        call = replace(prepared(op, state, screen.arguments(op, state)), dry_run=dry_run)
        if any(param.required and param.name not in call.arguments for param in op.params):
            form = FormDialog(op, call.arguments, screen.note(op, state))
            self._room.push_screen(form, lambda values: self._filled(call, values))
        else:
            self.ask(call)

    def break_glass(self) -> None:
        """Ask for a promotion past a gate that is not open."""
        op, state = REGISTRY["rollout.promote"], self._room.state
        if state.answer is Answer.OPEN or state.read_only:
            self._room.say(why_not(op, state) or "The gate is open: p promotes.", title="Break-glass")
        elif state.rollout is None or state.snapshot is None or state.snapshot.next_percent is None:
            self._room.say(why_not(op, state), title="Break-glass")
        else:
            self.ask(prepared(op, state, {"break_glass": True}))

    def run_words(self, words: str) -> None:
        """Run what was typed, as if it had been typed into a shell."""
        try:
            call = parse(words, {op.id: op for op in offered()})
        except EngineError as error:
            self._room.say(error.hint, title=error.message, severity="error")
            return
        meant_so = prepared(call.op, self._room.state, call.arguments)
        self.ask(replace(meant_so, dry_run=call.dry_run, document_file=call.document_file))

    def move_to(self, basis_points: int) -> None:
        """Turn a share chosen on the slider into the operation it stands for."""
        snapshot = self._room.state.snapshot
        following = snapshot.next_percent if snapshot else None
        if basis_points == 0:
            self.run_operation("rollout.rollback")
        elif following is not None and basis_points == round(following * 100):
            self.run_operation("rollout.promote")
        else:
            self.ask(prepared(REGISTRY["rollout.set"], self._room.state, slider_arguments(basis_points)))

    def ask(self, call: Call) -> None:
        """Run a call at once where it changes nothing, else once it was confirmed."""
        if call.dry_run or not needs_question(call.op):
            self._runner.submit(call)
            return
        state = self._room.state
        asked = self._room.console_screen.question(call, state) or question(call, state)
        self._room.push_screen(ConfirmDialog(asked), lambda typed: self._confirmed(call, typed))

    def _filled(self, call: Call, values: dict[str, Any] | None) -> None:
        if values is not None:
            self.ask(replace(call, arguments={**call.arguments, **values}))

    def _confirmed(self, call: Call, typed: dict[str, str] | None) -> None:
        if typed is not None:
            given = {name: text for name, text in typed.items() if name != PASSPHRASE}
            call = replace(call, arguments={**call.arguments, **given})
            self._runner.submit(call, passphrase=typed.get(PASSPHRASE))
