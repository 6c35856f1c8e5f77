"""ORR: what must be true before enforcement, how each item stands, and whether the tech lead's signature holds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from capctl.tui.availability import why_not
from capctl.tui.bind import operation_bindings
from capctl.tui.confirmation import PASSPHRASE, Field, Question, environment
from capctl.tui.messages import Call, CommandEntered
from capctl.tui.modals.step import StepDialog
from capctl.tui.orr import (
    ATTEST,
    CHANGING,
    CHECK,
    SIGN,
    WAIVE,
    Leading,
    Row,
    blocking,
    is_by_person,
    look_of,
    next_step,
    under_way,
)
from capctl.tui.orr_words import binding, details, end_of, how
from capctl.tui.screens.console import ConsoleScreen
from capctl.tui.screens.index import entry_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.activity import ActivityLog
from capctl.tui.widgets.orr_answer import OrrAnswer
from capctl.tui.widgets.orr_detail import OrrDetail, OrrSignature
from capctl.tui.widgets.orr_items import OrrItems
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Operation
from engine.readiness.items import Attestation, Item
from engine.settings import PRODUCTION

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.orr_look import OrrLook

VALID_DAYS: Final = next(param.default for param in REGISTRY[SIGN].params if param.name == "valid_days")
"""For how many days a signature counts unless somebody says otherwise."""


class OrrScreen(ConsoleScreen):
    """The answer; the items by area; everything about the chosen one; what is signed; what was done."""

    ENTRY = entry_of("orr")
    EXPLAINED = (OrrItems,)
    SAMPLED = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *operation_bindings(ENTRY),
        Binding("g", "go_on", "Do what leads on: ask, attest, sign", id="orr.go_on"),
        Binding(
            "o", "check_chosen", "Ask the probe of the chosen item, or those of the chosen area", id="orr.check_chosen"
        ),
    ]
    CSS_PATH = "orr.tcss"
    AUTO_FOCUS = "OrrItems"

    def body(self) -> ComposeResult:
        """Lay out the panels."""
        yield OrrAnswer(id="answer")
        with Container(id="parts"):
            yield OrrItems(id="items")
            yield OrrDetail(id="detail")
            yield OrrSignature(id="signature")
            yield ActivityLog(id="activity")

    def take(self, ctx: EngineContext) -> OrrLook:
        """Look at the review, and at what a signature would bind."""
        from engine.ops.orr_look import look

        return look(ctx)

    def arguments(self, op: Operation, state: ConsoleState) -> Mapping[str, Any]:
        """The chosen item; for a signature what was shown."""
        look, chosen = look_of(state), self._chosen(state)
        if op.id in (ATTEST, WAIVE) and chosen and chosen.state:
            return {"item": chosen.name}
        return {"if_bound": look.bound} if op.id == SIGN and look else {}

    def why_not(self, op: Operation, state: ConsoleState) -> str:
        """One change at a time; no word where a probe answers; no signature while something blocks."""
        look, chosen = look_of(state), self._chosen(state)
        if op.id not in CHANGING:
            return ""
        if under_way(state):
            return "One change is under way; it ends by itself."
        if look is None:
            return "The review has not been looked at yet."
        match op.id:
            case "orr.attest":
                return _why_no_word(chosen)
            case "orr.waive":
                return _why_no_waiver(chosen)
            case "orr.sign":
                return _why_no_signature(look)
            case _:
                return ""

    def why_idle(self, action: str, state: ConsoleState) -> str:
        """Nothing leads on; no probe to ask."""
        step, chosen = next_step(state), self._chosen(state)
        match action:
            case "go_on":
                return self._why_no_step(step, state)
            case "check_chosen":
                if chosen and chosen.state and is_by_person(chosen.state.item):
                    return f"{chosen.name} takes a person's word: a gives it."
                return why_not(REGISTRY[CHECK], state, self)
            case _:
                return ""

    def note(self, op: Operation, state: ConsoleState) -> str:
        """What to show for a person's word, and what a waiver is for."""
        chosen = self._chosen(state)
        if chosen is None or chosen.state is None:
            return ""
        item = chosen.state.item
        return (
            f"{item.title}. {how(item)}" if op.id == ATTEST else f"{item.title}. {item.why}" if op.id == WAIVE else ""
        )

    def question(self, call: Call, state: ConsoleState) -> Question | None:
        """Name the item and what its word or waiver means; for a signature everything that it binds."""
        look = look_of(state)
        if look is None:
            return None
        match call.op.id:
            case "orr.attest":
                return _about_a_word(call, look, state)
            case "orr.waive":
                return _about_a_waiver(call, look, state)
            case "orr.sign":
                return _about_signing(call, look, state, self.room.zone)
            case _:
                return None

    def action_go_on(self) -> None:
        """Ask every probe, or those that block, again; attest what takes a word; at last sign."""
        state = self.room.state
        step = next_step(state)
        if step is None or (reason := self.why_idle("go_on", state)):
            self.room.say(reason if step else self.why_idle("go_on", state), title="Not now")
            return
        if step.op_id == CHECK:
            self._check(step.items)
            return
        self.query_one(OrrItems).action_follow()
        self.room.action_run_operation(step.op_id)

    def action_check_chosen(self) -> None:
        """Ask the probes of what is chosen."""
        chosen = self._chosen(self.room.state)
        if chosen is None or (reason := self.why_idle("check_chosen", self.room.state)):
            self.room.say(reason if chosen else "Nothing is chosen.", title="Not now")
            return
        self._check((chosen.name,))

    @on(OrrItems.Chosen)
    def show_chosen(self) -> None:
        """Show everything about it."""
        self.query_one(OrrDetail).show_state(self.room.state)

    @on(OrrItems.Opened)
    def open_chosen(self) -> None:
        """Show everything about it, also where there is no room for it."""
        state, look, chosen = self.room.state, look_of(self.room.state), self._chosen(self.room.state)
        if look is not None and chosen is not None and chosen.state is not None:
            told = list(details(chosen.state, look, state, self.room.zone))
            told += [("hash", digest) for digest in chosen.state.evidence]
            self.room.push_screen(StepDialog(f"{chosen.name}: {chosen.state.item.title}", told))

    def _check(self, items: tuple[str, ...]) -> None:
        self.post_message(CommandEntered(shlex.join(["orr", "check", *items])))

    def _chosen(self, state: ConsoleState) -> Row | None:
        return self.query_one(OrrItems).chosen(state)

    def _why_no_step(self, step: Leading | None, state: ConsoleState) -> str:
        look = look_of(state)
        if step is None:
            if look and look.review.signature.holds and not under_way(state):
                return "It is signed, and the signature holds: 7 goes on with the cutover."
            return "Wait for what is under way."
        if step.op_id == ATTEST:
            # The item is chosen by the same key, so what is chosen now does not matter.
            return why_not(REGISTRY[CHECK], state, self)
        return why_not(REGISTRY[step.op_id], state, self)


def _why_no_word(chosen: Row | None) -> str:
    if chosen is None or chosen.state is None:
        return "Choose an item: your word is for one."
    if not is_by_person(chosen.state.item):
        return f"{chosen.name} is found out by a probe, not by a word: o asks it, w waives it."
    return ""


def _why_no_waiver(chosen: Row | None) -> str:
    if chosen is None or chosen.state is None:
        return "Choose an item: a waiver is for one."
    return "It is met: there is nothing to waive." if chosen.state.standing.is_met and not chosen.state.waiver else ""


def _why_no_signature(look: OrrLook) -> str:
    if open_items := blocking(look):
        return (
            f"{len(open_items)} of high severity not met, {open_items[0].item.id} first: n goes from one to the next."
        )
    if look.key is None and not look.makes_key:
        return "The tech lead's key does not exist yet. 5: choose orr, g makes it."
    return ""


def _item(call: Call, look: OrrLook) -> Item | None:
    """The item that a call is about; None where there is no such, which the engine will say."""
    return next((each.item for each in look.review.states if each.item.id == call.arguments.get("item")), None)


def _about_a_word(call: Call, look: OrrLook, state: ConsoleState) -> Question | None:
    item = _item(call, look)
    if item is None or not isinstance(item.check, Attestation):
        return None
    files = ", ".join(map(str, call.arguments.get("evidence") or ())) or "nothing"
    return Question(
        title=f"Attest {item.id} in {environment(state.env)}?",
        consequence=f"You give your word, with your name, for {item.check.valid_days} days: {item.title}.",
        evidence=f"Shown for it: {files}. The file is kept, and its hash is what gets signed.",
        verb="Attest",
        grave=state.env == PRODUCTION,
    )


def _about_a_waiver(call: Call, look: OrrLook, state: ConsoleState) -> Question | None:
    item, given = _item(call, look), call.arguments
    if item is None:
        return None
    end = f"until {given['until']}" if given.get("until") else f"for {given.get('days') or 'how many'} days"
    return Question(
        title=f"Go without {item.id} in {environment(state.env)} {end}?",
        consequence=f"{item.why} It does not block meanwhile, and the signature names it.",
        evidence=f"{given.get('approver')} agrees, and is named with you. Reason: {given.get('reason')}",
        verb="Waive",
        grave=True,
    )


def _about_signing(call: Call, look: OrrLook, state: ConsoleState, zone: tzinfo | None) -> Question:
    days = int(call.arguments.get("valid_days", VALID_DAYS))
    until = end_of(state.now + timedelta(days=days), state.now, zone)
    told = [*binding(look), ("until", until), ("key", _key(look))]
    fields = [Field("", f"Type {PRODUCTION} to go on", PRODUCTION)] if state.env == PRODUCTION else []
    if look.key and look.key.needs_passphrase:
        fields.append(Field(PASSPHRASE, "Passphrase of the key; it is kept nowhere", is_secret=True))
    return Question(
        title=f"Sign the readiness review of {environment(state.env)}?",
        consequence="\n".join(f"{name:<10}{text}" for name, text in told),
        evidence="When one of these changes it no longer holds; the trail may grow.",
        verb="Sign",
        fields=tuple(fields),
        grave=state.env == PRODUCTION,
    )


def _key(look: OrrLook) -> str:
    if look.key is None:
        return "made now: there is none yet"
    return f"{look.key.kid[:16]}…, {'a file' if look.key.place == 'file' else look.key.place}"
