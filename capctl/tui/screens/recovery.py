"""Recovery: what would be lost now, whether it would come back, and the one thing to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from capctl.tui.availability import why_not
from capctl.tui.bind import operation_bindings
from capctl.tui.confirmation import Question, environment
from capctl.tui.messages import Call
from capctl.tui.recovery import WORKING, look_of, next_step, under_way
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.recovery_answer import RecoveryAnswer, RecoveryStages
from capctl.tui.widgets.recovery_backups import RecoveryBackups
from capctl.tui.widgets.recovery_drills import RecoveryDrills
from capctl.tui.widgets.recovery_history import RecoveryHistory
from capctl.tui.wording import age
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Operation
from engine.settings import PRODUCTION

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.recovery_look import RecoveryLook, SeenBackup

BACKUPS: Final = 200
"""Backups that are listed, the newest."""
RECORDS: Final = 40
"""Audit records that are shown."""


class RecoveryScreen(ConsoleScreen):
    """The answer; what is under way; the backups; the last drills; what was done."""

    ENTRY = entry_of("recovery")
    EXPLAINED = (RecoveryBackups,)
    SHOWN = frozenset({"drill.restore", "drill.rotation", "restore.run"})
    SAMPLED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding("g", "go_on", "Do what leads on", id="recovery.go_on"),
    ]
    CSS_PATH = "recovery.tcss"
    AUTO_FOCUS = "RecoveryBackups"

    def body(self) -> ComposeResult:
        """Lay out the panels."""
        yield RecoveryAnswer(id="answer")
        yield RecoveryStages(id="stages")
        with Container(id="findings"):
            yield RecoveryBackups(id="backups")
            yield RecoveryDrills(id="drills")
            yield RecoveryHistory(id="history")
            yield ActivityLog(id="activity")

    def take(self, ctx: EngineContext) -> RecoveryLook:
        """Look at the folder of backups, the drills' reports and the trail; no archive is read."""
        from engine.ops.recovery_look import look

        return look(ctx, backups=BACKUPS, records=RECORDS)

    def arguments(self, op: Operation, state: ConsoleState) -> Mapping[str, Any]:
        """The chosen backup; a drill makes one where the chosen one cannot be opened here."""
        chosen, look = self._chosen(state), look_of(state)
        if chosen is None or look is None:
            return {}
        match op.id:
            case "backup.verify":
                return {"archive": chosen.path}
            case "drill.restore":
                return {"archive": chosen.path} if chosen.opens and chosen.is_complete else {}
            case "restore.run":
                # Only the target is asked for, and the identity where this machine has none.
                settled = {"archive": chosen.path, "trust": [], "manifest": ""}
                return {**settled, "identity": ""} if chosen.opens else settled
            case _:
                return {}

    def why_not(self, op: Operation, state: ConsoleState) -> str:
        """One at a time; nothing about a backup where there is none, and none where nobody could open it."""
        if op.id not in WORKING:
            return ""
        look = look_of(state)
        if under_way(state):
            return "One is under way; it goes on by itself."
        if look is None:
            return "The backups have not been looked at yet."
        if op.id == "backup.create" and look.obstacle:
            return f"{look.obstacle.message}. {look.obstacle.hint}"
        if op.id == "drill.rotation" and look.is_rotating:
            return "The response key itself is being rotated (5): it can be rehearsed when that has ended."
        if op.id in ("backup.verify", "restore.run") and self._chosen(state) is None:
            obstacle = look.obstacle
            return f"{obstacle.message}. {obstacle.hint}" if obstacle else "There is no backup yet; n makes one."
        return ""

    def why_idle(self, action: str, state: ConsoleState) -> str:
        """What leads on may have to be done elsewhere."""
        look = look_of(state)
        if action != "go_on":
            return ""
        if look is None:
            return "The backups have not been looked at yet."
        step = next_step(look)
        if step is None:
            return f"{look.obstacle.message}. {look.obstacle.hint}" if look.obstacle else ""
        return why_not(REGISTRY[step.op_id], state, self)

    def question(self, call: Call, state: ConsoleState) -> Question | None:
        """Name what is meant, where it goes, and that nothing live is changed."""
        look = look_of(state)
        ask = _QUESTIONS.get(call.op.id)
        return ask(call, look, state) if ask and look else None

    def action_go_on(self) -> None:
        """Ask about what leads on."""
        look = look_of(self.room.state)
        step = next_step(look) if look else None
        if step is None:
            self.room.say(self.why_idle("go_on", self.room.state), title="Not now")
            return
        if step.op_id == "drill.restore":
            self.query_one(RecoveryBackups).place = 0
        self.room.action_run_operation(step.op_id)

    def _chosen(self, state: ConsoleState) -> SeenBackup | None:
        return self.query_one(RecoveryBackups).chosen(state)


def _about_identity(call: Call, look: RecoveryLook, state: ConsoleState) -> Question:
    return Question(
        title=f"Make an identity for backups in {environment(state.env)}?",
        consequence=f"Makes {call.arguments.get('to') or look.identity_path}, a private file that opens backups.",
        evidence="Then copy that file to another machine: were both lost, no backup could be opened.",
        verb="Make it",
    )


def _about_backup(call: Call, look: RecoveryLook, state: ConsoleState) -> Question:
    number = len(call.arguments.get("recipient") or look.recipients)
    return Question(
        title=f"Back up {environment(state.env)} now?",
        consequence=f"Makes a file that {number} recipient{'' if number == 1 else 's'} can open, in {look.folder}.",
        evidence="Everything goes on meanwhile. Private keys are not in it.",
        verb="Back up",
    )


def _about_drill(call: Call, look: RecoveryLook, state: ConsoleState) -> Question:
    archive = call.arguments.get("archive")
    chosen = next((backup for backup in look.backups if backup.path == archive), None)
    if chosen is not None and chosen.made_at is not None:
        source = f"the backup that is {age((state.now - chosen.made_at).total_seconds())} old"
    else:
        source = "a backup that is named" if archive else "a backup made for it"
    return Question(
        title=f"Rehearse a restore of {environment(state.env)}?",
        consequence=f"Restores {source} into a hidden place, starts a verifier there and compares every policy.",
        evidence="Nothing live is changed, and nothing of it stays but a signed report.",
        verb="Rehearse",
    )


def _about_rotation(call: Call, look: RecoveryLook, state: ConsoleState) -> Question:  # noqa: ARG001 - one signature
    return Question(
        title=f"Rehearse a rotation of the response key of {environment(state.env)}?",
        consequence="Copies the registry into a hidden place and rotates there, while results are asked for.",
        evidence="The live keys stay as they are, and nothing of the copy stays but a signed report.",
        verb="Rehearse",
    )


def _about_restore(call: Call, look: RecoveryLook, state: ConsoleState) -> Question:  # noqa: ARG001 - one signature
    return Question(
        title=f"Restore into {call.arguments.get('into')}?",
        consequence="Makes a registry of its own there: whole, as it was signed, or not at all. It must be empty.",
        evidence=f"What runs here in {environment(state.env)} stays as it is, and goes on using its own.",
        verb="Restore",
        grave=state.env == PRODUCTION,
    )


_QUESTIONS: Final = {
    "backup.keygen": _about_identity,
    "backup.create": _about_backup,
    "drill.restore": _about_drill,
    "drill.rotation": _about_rotation,
    "restore.run": _about_restore,
}
