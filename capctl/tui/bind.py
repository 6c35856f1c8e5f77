"""From an operation's declaration to what the console offers: key, hint, palette entry, help row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from textual.binding import Binding

from capctl.tui.availability import why_not
from capctl.tui.command_line import usage
from capctl.tui.messages import Call
from capctl.tui.state import ConsoleState
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Danger, Operation
from engine.rollout.state import Phase

ALIASES: Final[Mapping[str, str]] = {"rollout.promote": "plus"}
"""A second key, where one is expected."""

COUNTERPARTS: Final[Mapping[str, str]] = {"rollout.pause": "rollout.resume"}
"""One key for two operations: while paused, the key that pauses resumes."""

HINTS: Final[Mapping[str, str]] = {
    "rollout.start": "start",
    "rollout.promote": "promote",
    "rollout.rollback": "roll back",
    "rollout.pause": "pause",
    "rollout.resume": "resume",
    "demo.inject": "drift",
    "demo.rate": "rate",
}
"""The word beside the key on the key bar; an operation without one is in help only."""

_SPOKEN: Final[Mapping[str, str]] = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "exclamation_mark": "!",
    "plus": "+",
    "less_than_sign": "<",
    "greater_than_sign": ">",
}

APP_BINDINGS: Final = (
    Binding(
        "exclamation_mark", "break_glass", "Promote past a gate that is not open (break-glass)", id="app.break_glass"
    ),
    Binding("colon", "command_line", "Type a command", id="app.command"),
    Binding("slash", "command_palette", "Find an action", id="app.palette"),
    Binding("t", "next_theme", "Next theme", id="app.theme"),
    Binding("question_mark", "help", "Keys and commands", id="app.help"),
    Binding("q", "quit", "Leave the console; the rollout goes on", id="app.quit"),
)
"""Keys of the console itself."""


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key on the key bar."""

    key: str
    label: str
    reason: str
    """Why it does nothing now; empty when it works."""


@dataclass(frozen=True, slots=True)
class HelpRow:
    """A line of the help page."""

    key: str
    command: str
    summary: str


def offered() -> Iterator[Operation]:
    """The operations the console offers; streams are left out, because the screen itself watches."""
    return (op for op in REGISTRY.values() if not op.streams)


def operation_bindings() -> list[Binding]:
    """A binding for each operation that has a key."""
    return [
        Binding(
            ",".join(filter(None, (op.key, ALIASES.get(op.id)))),
            f"run_operation({op.id!r})",
            op.summary.rstrip("."),
            id=op.id,
        )
        for op in offered()
        if op.key
    ]


def key_hints(state: ConsoleState) -> list[KeyHint]:
    """What the key bar says in a state, most important first."""
    hints = [_hint(op, state) for op in _hinted(state)]
    console = [KeyHint(":", "command", ""), KeyHint("q", "quit", "")]
    return [*hints[:3], *console, *hints[3:]]


def meant(op: Operation, state: ConsoleState) -> Operation:
    """The operation a key stands for now: its counterpart where that is the one that makes sense."""
    paused = state.rollout is not None and state.rollout.phase is Phase.PAUSED
    return REGISTRY[COUNTERPARTS[op.id]] if paused and op.id in COUNTERPARTS else op


def prepared(op: Operation, state: ConsoleState, arguments: Mapping[str, Any] | None = None) -> Call:
    """A call about what the operator sees: the policy on the screen, at the revision on the screen.

    With the revision, a change that someone else made meanwhile is a conflict instead of a surprise.
    """
    given = dict(arguments or {})
    names = {param.name for param in op.params}
    if op.danger is not Danger.READ and state.snapshot is not None:
        if "policy" in names:
            given.setdefault("policy", state.snapshot.policy_id)
        if "if_revision" in names and state.rollout is not None:
            given.setdefault("if_revision", state.rollout.revision)
    return Call(op, given)


def help_rows() -> list[HelpRow]:
    """Everything the console can do: keys first, then the commands without one."""
    operations = sorted(offered(), key=lambda op: not op.key)
    rows = [HelpRow(_keys(op), usage(op), op.summary) for op in operations]
    console = [HelpRow(spoken(binding.key), "", f"{binding.description}.") for binding in APP_BINDINGS]
    return [*rows[: sum(bool(op.key) for op in operations)], *console, *rows[sum(bool(op.key) for op in operations) :]]


def spoken(keys: str) -> str:
    """Keys as people call them: `question_mark` is `?`."""
    return " ".join(_SPOKEN.get(key, key) for key in keys.split(","))


def _keys(op: Operation) -> str:
    return spoken(",".join(filter(None, (op.key, ALIASES.get(op.id)))))


def _hinted(state: ConsoleState) -> Iterable[Operation]:
    rolled_back = state.rollout is not None and state.rollout.phase is Phase.ROLLED_BACK
    startable = rolled_back or (state.snapshot is not None and state.rollout is None)
    keyed = [op for op in offered() if op.key and op.id in HINTS]
    keyed.sort(key=lambda op: list(HINTS).index(op.id))
    for op in keyed:
        if op.id == "rollout.start" and not startable:
            continue
        if op.id.startswith("demo.") and state.env != "demo":
            continue
        yield meant(op, state)


def _hint(op: Operation, state: ConsoleState) -> KeyHint:
    paired = {second: first for first, second in COUNTERPARTS.items()}
    key = REGISTRY[paired.get(op.id, op.id)].key
    return KeyHint(spoken(key), HINTS[op.id], why_not(op, state))
