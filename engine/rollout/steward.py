"""The automatic hand: rolls back what must go back, ends what has expired, promotes what said `auto`.

It runs inside every verifier. Two stewards are harmless: each acts on the revision it looked at, and the second one's
is out of date.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.drift.conditions import SHARE_NAMES
from engine.drift.gate import Answer, GateReport
from engine.errors import Conflict, Held, InvalidInput, Refused
from engine.rollout.assessment import Assessment
from engine.rollout.service import RolloutService
from engine.rollout.state import Phase, RolloutState
from engine.rollout.transitions import Action, next_step

STEWARD: Final = "steward"
"""The name under which it acts."""
_NAMED_RULES: Final = 3


@dataclass(frozen=True, slots=True)
class Intent:
    """What the steward would do now."""

    action: Action
    reason: str


def next_action(state: RolloutState, report: GateReport, now: datetime) -> Intent | None:
    """What must be done about a rollout now; None when nothing.

    Going back comes first. Break-glass passes a gate once; it does not switch the automatic rollback off.
    """
    if report.rollback_due and state.basis_points > 0:
        return Intent(Action.ROLLBACK, report.rollback_reason)
    glass = state.break_glass
    if glass is not None and report.answer is Answer.OPEN:
        return Intent(Action.EXPIRE, "the gate has opened")
    if glass is not None and glass.is_over(now):
        return Intent(Action.EXPIRE, "break-glass has expired and the gate has not opened")
    running = state.phase in (Phase.SHADOW, Phase.CANARY)
    if state.plan.auto and running and report.answer is Answer.OPEN and next_step(state) is not None:
        return Intent(Action.PROMOTE, "the gate is open")
    return None


class Steward:
    """Looks at rollouts and does what must be done.

    Args:
        service: Through which it acts, as everybody does.
    """

    def __init__(self, service: RolloutService) -> None:
        self._service = service

    def look(self) -> list[RolloutState]:
        """Look once at every rollout and do what must be done.

        Returns:
            The states it made. Where somebody else was faster, or a promotion may not happen now, none.

        Raises:
            Unavailable: The store cannot be reached.
        """
        made = []
        for assessment in self._service.assess_all():
            intent = next_action(assessment.state, assessment.report, assessment.at)
            # A freeze, a missing signature or a faster colleague is an answer, not a fault: look again in a second.
            with suppress(Conflict, Held, Refused, InvalidInput):
                if intent is not None:
                    made.append(self._act(assessment, intent))
        return made

    def _act(self, assessment: Assessment, intent: Intent) -> RolloutState:
        policy_id, revision = assessment.state.policy_id, assessment.state.revision
        if intent.action is Action.ROLLBACK:
            reason = _naming_rules(intent.reason, assessment)
            return self._service.rollback(policy_id, actor=STEWARD, reason=reason, expected_revision=revision)
        if intent.action is Action.EXPIRE:
            return self._service.expire_break_glass(
                policy_id, actor=STEWARD, reason=intent.reason, expected_revision=revision
            )
        return self._service.promote(policy_id, actor=STEWARD, reason=intent.reason, expected_revision=revision)


def _naming_rules(reason: str, assessment: Assessment) -> str:
    """The reason of a rollback with the rules behind it, where it was drift that broke a limit."""
    drifted = any(c.answer is Answer.CLOSED and c.name in SHARE_NAMES for c in assessment.report.conditions)
    rules = dict.fromkeys(e.rule_id for e in assessment.fleet.explained if not e.preview)
    return f"{reason}: {', '.join(list(rules)[:_NAMED_RULES])}" if drifted and rules else reason
