"""Whether an operation makes sense now, and if not, why: a key that does nothing has to explain itself.

Courtesy only. Whether something is *allowed* is decided in the engine, for every surface alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from capctl.tui.state import ConsoleState
from capctl.tui.widgets.gate_panel import still_needed
from capctl.tui.wording import rollout_share
from engine.drift.gate import Answer
from engine.ops.spec import Danger, Operation
from engine.rollout.state import Phase

if TYPE_CHECKING:
    from capctl.tui.screens.console import ConsoleScreen

NOT_STARTED: Final = "No rollout has been started; s starts one at 0 %."

UNKNOWN: Final = "Where the rollout stands is not known yet."


def why_not(op: Operation, state: ConsoleState, screen: ConsoleScreen | None = None) -> str:
    """Why an operation makes no sense now; empty when it does. A screen knows more about what is chosen on it."""
    if state.read_only and op.danger is not Danger.READ:
        return "This console is read-only; start it without --read-only to make changes."
    if op.id.startswith("demo.") and state.env != "demo":
        return "This works in the demonstration only: capctl demo."
    rule = _RULES.get(op.id)
    if rule:
        return rule(state)
    return screen.why_not(op, state) if screen else ""


def _start(state: ConsoleState) -> str:
    if state.snapshot is None:
        return UNKNOWN
    if state.rollout is None or state.rollout.phase is Phase.ROLLED_BACK:
        return ""
    return f"The rollout is under way at {rollout_share(state.rollout.basis_points)}."


def _rollback(state: ConsoleState) -> str:
    # Unless it is certain that there is nothing to roll back, the way back to safety stays open.
    if state.snapshot is None or state.lost:
        return ""
    if state.rollout is None:
        return NOT_STARTED
    return "It is rolled back already: nothing is enforced." if state.rollout.phase is Phase.ROLLED_BACK else ""


def _pause(state: ConsoleState) -> str:
    if state.rollout is None:
        return NOT_STARTED
    if state.rollout.phase is Phase.ROLLED_BACK:
        return "It is rolled back: there is nothing to pause."
    return "It is paused already." if state.rollout.phase is Phase.PAUSED else ""


def _resume(state: ConsoleState) -> str:
    if state.rollout is None:
        return NOT_STARTED
    return "" if state.rollout.phase is Phase.PAUSED else "It is not paused."


def _promote(state: ConsoleState) -> str:
    if state.snapshot is None:
        return UNKNOWN
    if state.rollout is None:
        return NOT_STARTED
    if state.rollout.phase is Phase.ROLLED_BACK:
        return "It is rolled back; s starts again at 0 %."
    if state.rollout.phase is Phase.PAUSED:
        return "It is paused; space resumes."
    if state.snapshot.next_percent is None:
        return f"{rollout_share(state.rollout.basis_points)} is the last step of the plan."
    return _gate(state)


def _gate(state: ConsoleState) -> str:
    if state.answer is None or state.gate is None:
        return "What is known is too old to go on: the gate holds."
    if state.answer is Answer.OPEN:
        return ""
    detail = next((c.detail for c in state.gate.conditions if c.answer is state.answer), "")
    needed = still_needed(state.gate) if state.answer is Answer.HOLD else ""
    word = "The gate is closed" if state.answer is Answer.CLOSED else "The gate holds"
    return f"{word}: {needed or detail or 'see its conditions'}. (! passes it with a reason.)"


_RULES: Final[dict[str, Callable[[ConsoleState], str]]] = {
    "rollout.start": _start,
    "rollout.promote": _promote,
    "rollout.pause": _pause,
    "rollout.resume": _resume,
    "rollout.rollback": _rollback,
}
