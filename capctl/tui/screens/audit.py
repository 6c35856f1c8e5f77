"""Audit: who did what, when; whether the trail is still what was recorded; and where it is not."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from capctl.tui.audit import VERIFY, Wanted, broken_at, look_of, verifying
from capctl.tui.bind import operation_bindings
from capctl.tui.messages import Call, CommandEntered
from capctl.tui.modals.file import FileDialog
from capctl.tui.modals.form import FormDialog
from capctl.tui.modals.step import StepDialog
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.audit_answer import AuditAnswer, AuditFilters
from capctl.tui.widgets.audit_entry import AuditEntry, details
from capctl.tui.widgets.audit_records import AuditRecords
from capctl.tui.wording import count
from engine.errors import EngineError
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.audit import ShownRecord
    from engine.ops.results.audit_look import AuditLook

ROWS: Final = 200
"""Records that are looked at around the chosen one."""

SETTLED: Final = {"before": 0, "limit": 0}
"""What the form of the filters does not ask for: which part is shown is what the list is for."""


class AuditScreen(ConsoleScreen):
    """The answer; the filters; the records, and everything about the chosen one; what was done."""

    ENTRY = entry_of("audit")
    EXPLAINED = (AuditRecords,)
    SAMPLED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding("n", "next_break", "Go to the next place where the trail is broken", id="audit.next_break"),
        Binding("a", "filter_action", "Only the chosen record's group of actions, that action, all", id="audit.action"),
        Binding("o", "filter_outcome", "Only refused, failed, done, intents, all", id="audit.outcome"),
        Binding("u", "filter_actor", "Only the chosen record's actor, all", id="audit.actor"),
        Binding("i", "filter_object", "Only what the chosen record is about, all", id="audit.object"),
        Binding("s", "filter_since", "Only the last 15 minutes, hour, day, week, all", id="audit.since"),
        Binding("f", "type_filters", "Type the filters", id="audit.filters"),
        Binding("c", "clear_filters", "Clear the filters", id="audit.clear"),
        Binding("p", "prove", "Write the proof that the chosen record is in the trail", id="audit.prove_chosen"),
        Binding("e", "export", "Write an export of the whole trail", id="audit.export_all"),
    ]
    CSS_PATH = "audit.tcss"
    AUTO_FOCUS = "AuditRecords"

    def __init__(self) -> None:
        super().__init__()
        self._wanted = Wanted()
        self._around: int | None = None

    def body(self) -> ComposeResult:
        """Lay out the panels."""
        yield AuditAnswer(id="answer")
        yield AuditFilters(id="filters")
        with Container(id="trail"):
            yield AuditRecords(id="records")
            yield AuditEntry(id="entry")
            yield ActivityLog(id="activity")

    def take(self, ctx: EngineContext) -> AuditLook:
        """Look at the records around the chosen one that the filters let through."""
        from engine.ops.trail_look import look

        return look(ctx, self._wanted.filter(), around=self._around, rows=ROWS)

    def draws(self, call: Call) -> bool:
        """The verification of the trail itself; one of a file is another question."""
        return call.op.id == VERIFY and not call.arguments

    def why_not(self, op: Operation, state: ConsoleState) -> str:
        """One verification at a time."""
        run = verifying(state)
        return "It is being verified." if op.id == VERIFY and run and run.is_running else ""

    def why_idle(self, action: str, state: ConsoleState) -> str:
        """No break to go to; nothing to clear, prove or export."""
        look = look_of(state)
        match action:
            case "next_break":
                return _why_no_break(state)
            case "clear_filters":
                return "" if self._wanted != Wanted() else "No filter is set."
            case "prove" | "export":
                if look is None or not look.second_place.covered:
                    return "Nothing is signed yet, so nothing can be proven: :audit checkpoint signs it."
                return ""
            case _:
                return ""

    def action_next_break(self) -> None:
        """Go to the next place that the verification found."""
        if reason := _why_no_break(self.room.state):
            self.room.say(reason, title="Not now")
            return
        records, places = self.query_one(AuditRecords), broken_at(self.room.state)
        self._want(Wanted())
        records.chosen = next((place for place in places if place > (records.chosen or 0)), places[0])

    def action_filter_action(self) -> None:
        """Only the chosen record's group of actions; then only that action; then all."""
        if chosen := self._chosen():
            self._want(self._wanted.next_action(chosen.record.event.action))

    def action_filter_outcome(self) -> None:
        """Only records with the next outcome."""
        self._want(self._wanted.next_outcome())

    def action_filter_actor(self) -> None:
        """Only what the chosen record's actor did; again: all."""
        if self._wanted.actor:
            self._want(replace(self._wanted, actor=""))
        elif chosen := self._chosen():
            self._want(replace(self._wanted, actor=chosen.actor))

    def action_filter_object(self) -> None:
        """Only records about the same; again: all."""
        chosen = self._chosen()
        if self._wanted.object:
            self._want(replace(self._wanted, object=""))
        elif chosen and chosen.record.event.object:
            self._want(replace(self._wanted, object=chosen.record.event.object))
        else:
            self.room.say("The chosen record names no object; f types one.", title="Not now")

    def action_filter_since(self) -> None:
        """Only the next longer stretch of time."""
        self._want(self._wanted.next_span(self.room.state.now))

    def action_type_filters(self) -> None:
        """Ask for all of them, in the words of the command line."""
        self.room.push_screen(FormDialog(REGISTRY["audit.show"], SETTLED), self._take_typed)

    def action_clear_filters(self) -> None:
        """Show everything again."""
        self._want(Wanted())

    def action_prove(self) -> None:
        """Ask where the proof of the chosen record is written."""
        line = self.query_one(AuditRecords).chosen_line(self.room.state)
        if line is None or (reason := self.why_idle("prove", self.room.state)):
            self.room.say(reason if line else "There is no record to prove.", title="Not now")
            return
        title = f"Prove record {count(line.number)}"
        about = "That it is among the signed records, without giving away the others."
        command = f"audit prove {line.number}"
        self._write(FileDialog(title, about, f"audit-{line.number}.proof.json"), command)

    def action_export(self) -> None:
        """Ask where the export is written."""
        look = look_of(self.room.state)
        if look is None or (reason := self.why_idle("export", self.room.state)):
            self.room.say(reason if look else "The trail has not been looked at yet.", title="Not now")
            return
        title = f"Export all {count(look.size)} records"
        about = "With the newest checkpoint and the public key; pseudonyms and hashes, no names and no reasons."
        self._write(FileDialog(title, about, f"audit-{look.size}.jsonl"), "audit export")

    @on(AuditRecords.Chosen)
    def look_around(self, event: AuditRecords.Chosen) -> None:
        """Look at what surrounds the chosen record."""
        self.query_one(AuditEntry).show_state(self.room.state)
        if event.number != self._around:
            self._around = event.number
            self.room.look_again()

    @on(AuditRecords.Opened)
    def open_chosen(self) -> None:
        """Show everything about it."""
        state, look = self.room.state, look_of(self.room.state)
        line = self.query_one(AuditRecords).chosen_line(state)
        if look is not None and line is not None:
            title = f"Record {count(line.number)} of {count(look.size)}"
            self.room.push_screen(StepDialog(title, details(line, look, state, self.room.zone)))

    def _chosen(self) -> ShownRecord | None:
        line = self.query_one(AuditRecords).chosen_line(self.room.state)
        return line.shown if line else None

    def _take_typed(self, values: Mapping[str, Any] | None) -> None:
        if values is None:
            return
        wanted = Wanted(**{name: values.get(name) or "" for name in asdict(Wanted())})
        try:
            wanted.filter()
        except EngineError as error:
            self.room.say(error.hint, title=error.message, severity="error")
        else:
            self._want(wanted)

    def _want(self, wanted: Wanted) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self.query_one(AuditFilters).show(wanted)
            self.room.look_again()

    def _write(self, dialog: FileDialog, command: str) -> None:
        def run(path: str | None) -> None:
            if path:
                self.post_message(CommandEntered(f"{command} -o {shlex.quote(path)}"))

        self.room.push_screen(dialog, run)


def _why_no_break(state: ConsoleState) -> str:
    run = verifying(state)
    if broken_at(state):
        return ""
    return "Nothing broken was found." if run and run.result else "v verifies the trail, and finds where it is broken."
