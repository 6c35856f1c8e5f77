"""What is asked before something is changed: one sentence with the object, the environment and the consequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from capctl.tui.command_line import spell
from capctl.tui.drawing import GLYPHS
from capctl.tui.messages import Call
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.gate_panel import still_needed
from capctl.tui.wording import count, percent, rollout_share
from engine.ops.spec import Danger, Operation
from engine.rollout.state import FULL, RolloutState
from engine.settings import PRODUCTION


@dataclass(frozen=True, slots=True)
class Field:
    """Something to type before confirming."""

    name: str
    """The operation's parameter it fills; empty when it only has to be typed."""
    label: str
    expected: str = ""
    """Exactly this must be typed; empty: anything but nothing."""
    is_secret: bool = False
    """Nobody may read it: it is drawn as dots, taken as it was typed, and is no argument of the operation."""

    def accepts(self, text: str) -> bool:
        """Whether what was typed suffices."""
        if self.is_secret:
            return bool(text)
        return text.strip() == self.expected if self.expected else bool(text.strip())


PASSPHRASE: Final = "passphrase"  # noqa: S105 - a name, not a secret
"""Name of the field that takes the passphrase of a key."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question before a change."""

    title: str
    consequence: str
    evidence: str
    """The gate's state."""
    verb: str
    """What the confirming key does."""
    fields: tuple[Field, ...] = ()
    grave: bool = False
    """Production, break-glass or irreversible: drawn in the colour of a closed gate."""


def question(call: Call, state: ConsoleState) -> Question:
    """Ask about a call, in words for the operator who pressed its key."""
    rollout = state.rollout
    target = target_basis_points(call, state)
    if rollout is None or target is None or state.snapshot is None:
        return _plain(call, state)
    broken = bool(call.arguments.get("break_glass"))
    down = target < rollout.basis_points or call.op.id == "rollout.rollback"
    verb = "Roll back" if call.op.id == "rollout.rollback" else "Lower" if down else "Promote"
    place = environment(state.env)
    return Question(
        title=f"{verb} {state.snapshot.policy_id} in {place}: "
        f"{rollout_share(rollout.basis_points)} → {rollout_share(target)}?",
        consequence=_consequence(target, down=down, broken=broken),
        evidence=gate_line(state),
        verb="Break glass" if broken else verb,
        fields=() if down else _fields(state, target, broken=broken),
        grave=broken or (state.env == PRODUCTION and not down),
    )


def needs_question(op: Operation) -> bool:
    """Whether to ask before running: what only reads, tells or stops runs at once, as does what was just typed in."""
    return op.danger is not Danger.READ and op.id not in {"rollout.pause", "demo.rate", "cutover.report", "orr.check"}


def target_basis_points(call: Call, state: ConsoleState) -> int | None:
    """Where a call would take the rollout; None when it does not move it."""
    following = state.snapshot.next_percent if state.snapshot else None
    match call.op.id:
        case "rollout.rollback":
            return 0
        case "rollout.promote":
            return None if following is None else round(following * 100)
        case "rollout.set":
            return _basis_points(call.arguments.get("percent"))
        case _:
            return None


def gate_line(state: ConsoleState) -> str:
    """The gate's state in one line."""
    if state.gate is None:
        return "Gate: not asked"
    if state.answer is None:
        return "Gate: ? STALE, nothing current is known"
    gate = state.gate
    needed = still_needed(gate)
    return (
        f"Gate: {GLYPHS[gate.answer]} {gate.answer.value.upper()}, {count(gate.mismatches)} of {count(gate.n)} differ"
        + (f"; {needed} needed" if needed else "")
    )


def environment(env: str) -> str:
    """The environment as it stands in sentences; production cannot be overlooked."""
    return "PRODUCTION" if env == PRODUCTION else env


def _plain(call: Call, state: ConsoleState) -> Question:
    irreversible = call.op.danger is Danger.IRREVERSIBLE
    fields = (Field("", f"Type {call.op.command[-1]} to go on", call.op.command[-1]),) if irreversible else ()
    return Question(
        title=f"{call.op.summary.partition('. ')[0].rstrip('.')}?",
        consequence=f"In {environment(state.env)}: {spell(call)}",
        evidence="" if state.rollout is None else _standing(state.rollout),
        verb="Yes",
        fields=fields,
        grave=irreversible or state.env == PRODUCTION,
    )


def _standing(rollout: RolloutState) -> str:
    return f"{rollout.policy_id} stands at {rollout_share(rollout.basis_points)}, revision {rollout.revision}."


def _consequence(target: int, *, down: bool, broken: bool) -> str:
    if target == 0:
        return "Nothing will be enforced; everything goes on being measured."
    share = "Every request" if target == FULL else f"{rollout_share(target)} of the requests"
    if broken:
        return f"{share} will be enforced although the gate says no. Ends within 60 minutes; leaves a review item."
    return f"{'Only ' if down else ''}{share} will be enforced."


def _fields(state: ConsoleState, target: int, *, broken: bool) -> tuple[Field, ...]:
    fields = []
    if broken:
        fields.append(Field("reason", "Reason, for the audit trail"))
    if state.env == PRODUCTION:
        if target == FULL:
            fields.append(Field("approver", "Approver: the second person"))
        fields.append(Field("", f"Type {PRODUCTION} to go on", PRODUCTION))
    return tuple(fields)


def _basis_points(value: Any) -> int | None:
    from engine.errors import InvalidInput
    from engine.rollout.plan import parse_percent

    try:
        return parse_percent(value)
    except InvalidInput:
        return None


def slider_arguments(basis_points: int) -> dict[str, str]:
    """The arguments of `rollout.set` for a share chosen on the slider."""
    return {"percent": percent(basis_points / 100).removesuffix(" %")}
