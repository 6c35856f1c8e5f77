"""Keys: where each rotation stands, what is accepted right now, and the one step that leads on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from capctl.tui.availability import why_not
from capctl.tui.bind import operation_bindings
from capctl.tui.confirmation import Field, Question, environment
from capctl.tui.keys import CHANGING, PURPOSES, SIGNED, STEPS, NextStep, look_of, next_step, under_way, wait_s
from capctl.tui.messages import Call
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.keys_accepted import SHORT, KeysAccepted
from capctl.tui.widgets.keys_answer import KeysAnswer
from capctl.tui.widgets.keys_history import KeysHistory
from capctl.tui.widgets.keys_needs import KeysNeeds
from capctl.tui.widgets.keys_phases import KeysPhases
from capctl.tui.wording import duration
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Danger, Operation
from engine.settings import PRODUCTION

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.keys import RotationStatus
    from engine.ops.results.keys_look import KeysLook

RECORDS: Final = 40
"""Audit records that are looked at: an attempt leaves two."""


class KeysScreen(ConsoleScreen):
    """The answer; the rotations; what the next step needs; what is accepted; what was done."""

    ENTRY = entry_of("keys")
    EXPLAINED = (KeysAccepted,)
    SAMPLED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding("g", "go_on", "Take the next step of the rotation", id="keys.go_on"),
        Binding("left", "choose_purpose(-1)", "Look at the rotation above", id="keys.previous"),
        Binding("right", "choose_purpose(1)", "Look at the rotation below", id="keys.following"),
    ]
    CSS_PATH = "keys.tcss"
    AUTO_FOCUS = "KeysAccepted"

    def __init__(self) -> None:
        super().__init__()
        self._purpose = PURPOSES[0]

    def body(self) -> ComposeResult:
        """Lay out the panels."""
        yield KeysAnswer(id="answer")
        with Container(id="findings"):
            yield KeysPhases(id="phases")
            yield KeysNeeds(id="needs")
            yield KeysAccepted(id="accepted")
            yield KeysHistory(id="history")
            yield ActivityLog(id="activity")

    def take(self, ctx: EngineContext) -> KeysLook:
        """Look at the keyring, and at the rotation that is chosen."""
        from engine.ops.keys_look import look

        return look(ctx, self._purpose, records=RECORDS)

    def arguments(self, op: Operation, state: ConsoleState) -> Mapping[str, Any]:
        """The chosen purpose; to revoke, the chosen key."""
        if op.id == "keys.revoke":
            chosen = self.query_one(KeysAccepted).chosen(state)
            return {"kid": chosen.kid} if chosen else {}
        return {"purpose": self._purpose} if op.id in CHANGING else {}

    def why_not(self, op: Operation, state: ConsoleState) -> str:
        """One at a time; no step before its time; nothing to abort, nothing to revoke."""
        if op.id not in CHANGING:
            return ""
        look = look_of(state)
        if under_way(state):
            return "One is under way; it goes on by itself."
        if look is None or look.purpose != self._purpose:
            return "The keyring has not been looked at yet."
        if op.id == "keys.revoke":
            chosen = self.query_one(KeysAccepted).chosen(state)
            return "" if chosen and chosen.accepted else "The chosen key is not accepted: there is nothing to revoke."
        if look.rotation is None:
            return look.problem.hint if look.problem and op.id != "keys.init" else ""
        if op.id == "keys.abort":
            return _why_no_abort(look.rotation)
        step = STEPS[look.rotation.next_step]
        return _why_not_yet(look.rotation, state) if op.id == step.op_id else ""

    def why_idle(self, action: str, state: ConsoleState) -> str:
        """The next step may be locked."""
        look = look_of(state)
        step = next_step(look) if look else None
        if action != "go_on":
            return ""
        return why_not(REGISTRY[step.op_id], state, self) if step else "Where the rotation stands is not known."

    def question(self, call: Call, state: ConsoleState) -> Question | None:
        """Name the key, the environment, what will be so, and whether it can be undone."""
        look = look_of(state)
        if call.op.id == "keys.revoke":
            return _about_revoking(str(call.arguments["kid"]), state)
        if call.op.id == "keys.abort" and look and look.rotation:
            consequence = "The new key is destroyed; it has signed nothing. The old one goes on."
            given_up = NextStep(
                call.op.id,
                "Give up",
                "Give up the new {purpose} key",
                consequence,
                "A later rotation makes another key.",
            )
            return _about_step(given_up, call, state)
        step = next(
            (step for step in STEPS.values() if step.op_id == call.op.id and call.arguments.get("purpose")), None
        )
        return _about_step(step, call, state) if step else None

    def action_go_on(self) -> None:
        """Ask about the next step."""
        look = look_of(self.room.state)
        step = next_step(look) if look else None
        if step is None:
            self.room.say(self.why_idle("go_on", self.room.state), title="Not now")
        else:
            self.room.action_run_operation(step.op_id)

    def action_choose_purpose(self, lines: int) -> None:
        """Look at another rotation."""
        place = PURPOSES.index(self._purpose) + lines
        self._choose(PURPOSES[max(0, min(place, len(PURPOSES) - 1))])

    @on(KeysPhases.PurposeChosen)
    def look_at_purpose(self, event: KeysPhases.PurposeChosen) -> None:
        """Look at the rotation that was clicked."""
        self._choose(event.purpose)

    def _choose(self, purpose: str) -> None:
        if purpose != self._purpose:
            self._purpose = purpose
            self.query_one(KeysAccepted).kid = ""
            self.room.look_again()


def _why_no_abort(rotation: RotationStatus) -> str:
    if rotation.can_abort:
        return ""
    if rotation.phase == "switched":
        return "The new key signs already: the way back is another rotation, after this one."
    return "No rotation is under way."


def _why_not_yet(rotation: RotationStatus, state: ConsoleState) -> str:
    if rotation.is_ready:
        return ""
    told = []
    for needed in rotation.missing:
        wait = wait_s(needed, state)
        told.append(f"{needed.text} ({needed.detail if wait is None else f'{duration(wait)} left'})")
    return f"Not yet: {'; '.join(told)}."


def _about_step(step: NextStep, call: Call, state: ConsoleState) -> Question:
    purpose = str(call.arguments.get("purpose"))
    word = step.verb.lower()
    ends = call.op.danger is Danger.IRREVERSIBLE
    return Question(
        title=f"{step.asks.format(purpose=purpose)} in {environment(state.env)}?",
        consequence=step.effect,
        evidence=f"{step.way_back} The key signs {SIGNED.get(purpose, purpose)}.",
        verb=step.verb,
        fields=(Field("", f"Type {word} to go on", word),) if ends else (),
        grave=ends or state.env == PRODUCTION,
    )


def _about_revoking(kid: str, state: ConsoleState) -> Question:
    return Question(
        title=f"Revoke key {kid[:SHORT]}… in {environment(state.env)}?",
        consequence="Nothing it ever signed is accepted any more, at once. Another key takes its place.",
        evidence="Policies and lists that only it has signed have to be published again from their source.",
        verb="Revoke",
        fields=(Field("", "Type revoke to go on", "revoke"),),
        grave=True,
    )
