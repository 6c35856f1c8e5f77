"""From an operation's declaration to what the console offers: key, hint, palette entry, help row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from textual.binding import Binding

from capctl.tui.availability import why_not
from capctl.tui.command_line import usage
from capctl.tui.messages import Call
from capctl.tui.screens.index import EVERYWHERE, SCREENS, ScreenEntry
from capctl.tui.state import ConsoleState
from engine.ops.catalogue import REGISTRY
from engine.ops.spec import Danger, Operation
from engine.rollout.state import Phase

if TYPE_CHECKING:
    from capctl.tui.screens.console import ConsoleScreen

ALIASES: Final[Mapping[str, str]] = {"rollout.promote": "plus"}
"""A second key, where one is expected."""

COUNTERPARTS: Final[Mapping[str, str]] = {"rollout.pause": "rollout.resume"}
"""One key for two operations: while paused, the key that pauses resumes."""

ANYWHERE: Final = "Everywhere"
"""The place of a help row whose key works on every screen."""

COMMANDS: Final = "Commands"
"""The place of a help row that has no key."""

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
    Binding("colon", "command_line", "Type a command", id="app.command"),
    Binding("slash", "command_palette", "Find an action", id="app.palette"),
    Binding("h,f1", "runbook", "Open the runbook that fits what is on the screen", id="app.runbook"),
    Binding("t", "next_theme", "Next theme", id="app.theme"),
    Binding("question_mark", "help", "Keys and commands", id="app.help"),
    Binding("q", "quit", "Leave the console; the rollout goes on", id="app.quit"),
)
"""Keys of the console itself."""

SCREEN_BINDINGS: Final = tuple(
    Binding(entry.key, f"go_to({entry.name!r})", f"Go to {entry.title}", id=f"screen.{entry.name}") for entry in SCREENS
)
"""A key for each screen."""


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key on the key bar."""

    key: str
    label: str
    action: str
    """What it does, as Textual names it; a click on the hint does the same."""
    reason: str = ""
    """Why it does nothing now; empty when it works."""


@dataclass(frozen=True, slots=True)
class HelpRow:
    """A line of the help page."""

    place: str
    """Where it works: everywhere, on a screen, or as a command."""
    key: str
    command: str
    summary: str


def offered() -> Iterator[Operation]:
    """The operations the console offers; of the streams only those that a screen draws, because it watches itself."""
    return (op for op in REGISTRY.values() if op.key or not op.streams)


def operation_bindings(entry: ScreenEntry | None = None) -> list[Binding]:
    """A binding for each operation of a screen that has a key; without a screen, for those that work everywhere."""
    return [
        Binding(
            ",".join(filter(None, (op.key, ALIASES.get(op.id)))),
            f"app.run_operation({op.id!r})",
            op.summary.rstrip("."),
            id=op.id,
        )
        for op in _bound(entry)
    ]


def key_hints(state: ConsoleState, screen: ConsoleScreen) -> list[KeyHint]:
    """What the key bar of a screen says in a state, most important first."""
    hints = list(_hints(state, screen))
    console = [KeyHint(":", "command", "app.command_line"), KeyHint("q", "quit", "app.quit")]
    return [*hints[:3], *console, *hints[3:], KeyHint("h", "runbook", "app.runbook")]


def meant(op: Operation, state: ConsoleState, screen: ConsoleScreen) -> Operation:
    """The operation a key stands for now: the screen's own, else its counterpart where that makes sense instead."""
    if op.id in screen.INSTEAD:
        return REGISTRY[screen.INSTEAD[op.id]]
    paused = state.rollout is not None and state.rollout.phase is Phase.PAUSED
    return REGISTRY[COUNTERPARTS[op.id]] if paused and op.id in COUNTERPARTS else op


def prepared(op: Operation, state: ConsoleState, arguments: Mapping[str, Any] | None = None) -> Call:
    """A call about what the operator sees: the policy on the screen, at the revision on the screen.

    With the revision, a change that someone else made meanwhile is a conflict instead of a surprise.
    """
    given = dict(arguments or {})
    names = {param.name for param in op.params}
    if op.danger is not Danger.READ and op.id.startswith("rollout.") and state.snapshot is not None:
        if "policy" in names:
            given.setdefault("policy", state.snapshot.policy_id)
        if "if_revision" in names and state.rollout is not None:
            given.setdefault("if_revision", state.rollout.revision)
    return Call(op, given)


def help_rows() -> list[HelpRow]:
    """Everything the console can do: keys everywhere, then the keys of each screen, then the commands without one."""
    console = [_own_row(ANYWHERE, binding) for binding in (*SCREEN_BINDINGS, *APP_BINDINGS)]
    screens = [line for entry in SCREENS for line in _screen_rows(entry)]
    bound = {op.id for entry in (None, *SCREENS) for op in _bound(entry)}
    others = [_row(COMMANDS, op) for op in offered() if op.id not in bound]
    return [*(_row(ANYWHERE, op) for op in _bound(None)), *console, *screens, *others]


def _screen_rows(entry: ScreenEntry) -> Iterator[HelpRow]:
    """The keys of a screen: its operations, its own, and those of its widgets."""
    screen = entry.load()
    yield from (_row(entry.title, op) for op in _bound(entry))
    for usual, own in screen.INSTEAD.items():
        yield HelpRow(entry.title, _keys(REGISTRY[usual]), usage(REGISTRY[own]), REGISTRY[own].summary)
    for owner in (screen, *screen.EXPLAINED):
        for binding in vars(owner).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.id not in REGISTRY:
                yield _own_row(entry.title, binding)


def _row(place: str, op: Operation) -> HelpRow:
    key = "" if place == COMMANDS else _keys(op)
    return HelpRow(place, key, usage(op), op.summary)


def _own_row(place: str, binding: Binding) -> HelpRow:
    return HelpRow(place, spoken(binding.key), "", f"{binding.description}.")


def spoken(keys: str) -> str:
    """Keys as people call them: `question_mark` is `?`."""
    return " ".join(_SPOKEN.get(key, key) for key in keys.split(","))


def _keys(op: Operation) -> str:
    return spoken(",".join(filter(None, (op.key, ALIASES.get(op.id)))))


def _bound(entry: ScreenEntry | None) -> Iterator[Operation]:
    """The operations whose key works on a screen and not everywhere; without a screen, those that work everywhere."""
    ids = EVERYWHERE if entry is None else [op_id for op_id in entry.hints if op_id not in EVERYWHERE]
    return (REGISTRY[op_id] for op_id in ids if op_id in REGISTRY and REGISTRY[op_id].key)


def _hints(state: ConsoleState, screen: ConsoleScreen) -> Iterator[KeyHint]:
    words = {**screen.ENTRY.hints, **{k: v for k, v in EVERYWHERE.items() if k not in screen.ENTRY.hints}}
    own = {b.action: spoken(b.key.partition(",")[0]) for b in screen.BINDINGS if isinstance(b, Binding)}
    for name, word in words.items():
        if name in own:
            yield KeyHint(own[name], word, name, screen.why_idle(name, state))
        elif word and (op := REGISTRY[name]).key and screen.is_hinted(op, state):
            chosen = meant(op, state, screen)
            action = f"app.run_operation({op.id!r})"
            yield KeyHint(spoken(op.key), words[chosen.id], action, why_not(chosen, state, screen))
