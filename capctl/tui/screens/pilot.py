"""The SAP pilot: is SAP there, how far is the run, what was judged how, and is everything written once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from capctl.tui.availability import why_not
from capctl.tui.bind import operation_bindings
from capctl.tui.confirmation import Question, environment
from capctl.tui.messages import Call
from capctl.tui.pilot import TALKING, look_of, refused_logon, under_way
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.pilot_answer import PilotAnswer, PilotStages
from capctl.tui.widgets.pilot_suppliers import PilotSuppliers
from capctl.tui.widgets.pilot_trail import PilotTrail
from capctl.tui.widgets.pilot_verdicts import STATUS_MARKS, PilotVerdicts
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Operation
from engine.settings import PRODUCTION

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.pilot_look import PilotLook

WINDOW: Final = 200
"""Suppliers that are looked at around those that are shown."""


class PilotScreen(ConsoleScreen):
    """Answer and stages; below them verdicts and suppliers, the audit trail and what was done."""

    ENTRY = entry_of("pilot")
    EXPLAINED = (PilotSuppliers,)
    DRAWN = frozenset({"pilot.check", "pilot.run"})
    SAMPLED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding("d", "rehearse", "Show exactly what a run would write (dry run)", id="pilot.rehearse"),
        Binding("f", "next_status", "Show only suppliers with one verdict, and all again", id="pilot.filter"),
        Binding("left", "choose_run(1)", "Look at the run before", id="pilot.older"),
        Binding("right", "choose_run(-1)", "Look at the run after", id="pilot.newer"),
    ]
    CSS_PATH = "pilot.tcss"
    AUTO_FOCUS = "PilotSuppliers"

    def __init__(self) -> None:
        super().__init__()
        self._run_id: str | None = None
        self._status = ""
        self._offset = 0

    def body(self) -> ComposeResult:
        """Lay out the panels."""
        yield PilotAnswer(id="answer")
        yield PilotStages(id="stages")
        with Container(id="findings"):
            yield PilotVerdicts(id="verdicts")
            yield PilotSuppliers(id="suppliers")
            yield PilotTrail(id="trail")
            yield ActivityLog(id="activity")

    def take(self, ctx: EngineContext) -> PilotLook:
        """Look at the ledger and the trail; SAP is not asked."""
        from engine.ops.pilot_look import look

        return look(ctx, self._run_id, status=self._status, offset=self._offset, limit=WINDOW)

    def arguments(self, op: Operation, state: ConsoleState) -> Mapping[str, Any]:
        """Go on with the run that was interrupted."""
        look = look_of(state)
        return {"run_id": look.resumable} if op.id == "pilot.run" and look and look.resumable else {}

    def why_not(self, op: Operation, state: ConsoleState) -> str:
        """One at a time, never without a system, and no second try with a password that SAP refused."""
        if op.id not in TALKING:
            return ""
        look = look_of(state)
        if under_way(state):
            return "One is under way; it goes on by itself."
        if refused_logon(state):
            return (
                "SAP refused this logon, and locks users. Correct SAP_USER and SAP_PASSWORD and start capctl again; "
                ":pilot check tries once more."
            )
        if look is not None and not look.system:
            return look.problem or "No SAP system is named: set SAP_URL and SAP_CLIENT before capctl starts."
        return ""

    def why_idle(self, action: str, state: ConsoleState) -> str:
        """A dry run talks to SAP as a run does."""
        return why_not(REGISTRY["pilot.run"], state, self) if action == "rehearse" else ""

    def question(self, call: Call, state: ConsoleState) -> Question | None:
        """Name the system, the run, and what cannot happen."""
        look = look_of(state)
        if call.op.id != "pilot.run" or look is None:
            return None
        run_id = call.arguments.get("run_id")
        return Question(
            title=f"Go on with {run_id}?" if run_id else f"Run the SAP pilot in {environment(state.env)}?",
            consequence=f"Writes verdicts into {look.system}. A row of the same run is never written twice.",
            evidence="d shows first what would be written." if not run_id else "What was verified stays as it was.",
            verb="Go on" if run_id else "Run",
            grave=state.env == PRODUCTION,
        )

    def action_rehearse(self) -> None:
        """Ask what a run would write."""
        self.room.action_run_operation("pilot.run", dry_run=True)

    def action_next_status(self) -> None:
        """Show only suppliers with the next verdict, after the last all of them."""
        choices = ["", *STATUS_MARKS]
        self._status = choices[(choices.index(self._status) + 1) % len(choices)]
        self._show_from_first()
        self.room.say(self._status or "all suppliers", title="Shown", severity="information", timeout=2)

    def action_choose_run(self, older: int) -> None:
        """Look at another run."""
        look = look_of(self.room.state)
        if look is None or look.status.run is None:
            return
        ids = [run.run_id for run in look.status.runs]
        here = ids.index(look.status.run.run_id) if look.status.run.run_id in ids else 0
        place = max(0, min(here + older, len(ids) - 1))
        # The latest is followed, whichever it will be.
        self._run_id = ids[place] if place else None
        self._show_from_first()

    @on(PilotSuppliers.Scrolled)
    def look_around(self, event: PilotSuppliers.Scrolled) -> None:
        """Look at the suppliers around those that are shown, where they are not known yet."""
        look = look_of(self.room.state)
        shown = self.query_one(PilotSuppliers).size.height
        if look is None or (look.offset <= event.top and event.top + shown <= look.offset + len(look.rows)):
            return
        if event.top + shown < look.matching or event.top < look.offset or look.offset + len(look.rows) < look.matching:
            self._offset = max(0, event.top - WINDOW // 2)
            self.room.look_again()

    def _show_from_first(self) -> None:
        self._offset = 0
        self.query_one(PilotSuppliers).top = 0
        self.room.look_again()
