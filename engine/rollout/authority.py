"""Who may move a rollout forward, and when. Going back asks nobody.

In production a promotion needs a valid readiness signature, and to 100 % a second person. A freeze window holds
promotions in every environment that has one, and no promotion goes beyond what its environment may enforce.
Break-glass passes the gate; it passes none of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from engine.clock import from_rfc3339, to_rfc3339
from engine.errors import Held, InvalidInput, Refused
from engine.rollout.plan import to_percent
from engine.rollout.state import FULL
from engine.settings import Settings


class Readiness(Protocol):
    """The operational readiness review, as far as a rollout asks about it."""

    def objections(self, env: str, policy_id: str, at: datetime) -> Sequence[str]:
        """What speaks against a promotion, a clause each; empty where a signature that holds covers it.

        Args:
            env: The environment.
            policy_id: The policy under rollout.
            at: Now.
        """
        ...


def require_forward(
    settings: Settings,
    readiness: Readiness | None,
    *,
    policy_id: str,
    basis_points: int,
    actor: str,
    approver: str,
    at: datetime,
) -> None:
    """Let a promotion through, or say what is missing.

    Args:
        settings: Of the environment.
        readiness: Where signatures are asked for; without one nothing is signed.
        policy_id: The policy under rollout.
        basis_points: Where it would go.
        actor: The operator.
        approver: The second person; empty when there is none.
        at: Now.

    Raises:
        Refused: It is more than this environment may enforce.
        Held: A freeze window is on, the readiness review is unsigned, or a second person is missing.
        InvalidInput: A configured freeze window cannot be read, so nobody knows whether one is on.
    """
    if basis_points > settings.ceiling_basis_points:
        raise Refused(
            "rollout.ceiling",
            f"{settings.env} may enforce at most {to_percent(settings.ceiling_basis_points)} %",
            "Raise enforce_rollout_percent (and see enforce_enabled) where this environment is configured.",
        )
    until = frozen_until(settings.freeze, at)
    if until is not None:
        raise Held(
            "rollout.frozen",
            f"Promotions are frozen until {to_rfc3339(until)}",
            "Wait for the end of the window; rolling back works meanwhile.",
        )
    if not settings.is_production:
        return
    _require_signed(readiness, settings.env, policy_id, at)
    if basis_points == FULL and not _is_second_person(actor, approver):
        raise Held(
            "rollout.second_person",
            "Going to 100 % in production takes a second person",
            "Name an approver who is not the operator.",
        )


def _require_signed(readiness: Readiness | None, env: str, policy_id: str, at: datetime) -> None:
    objections = readiness.objections(env, policy_id, at) if readiness else ("nobody here can see the review",)
    if objections:
        raise Held(
            "rollout.not_signed",
            f"No valid readiness signature covers {policy_id} in {env}: {'; '.join(objections)}",
            "Look at the operational readiness review (capctl orr verify), complete it and have it signed.",
        )


def frozen_until(windows: tuple[str, ...], at: datetime) -> datetime | None:
    """The end of the freeze window that `at` lies in; None outside all of them.

    Args:
        windows: `START/END` in RFC 3339; the start belongs to a window, the end does not.
        at: When.

    Raises:
        InvalidInput: A window cannot be read or ends before it starts.
    """
    ends = [end for start, end in map(_window, windows) if start <= at < end]
    return max(ends, default=None)


def _window(text: str) -> tuple[datetime, datetime]:
    start_text, _, end_text = text.partition("/")
    try:
        start, end = from_rfc3339(start_text.strip()), from_rfc3339(end_text.strip())
    except InvalidInput as error:
        raise InvalidInput(
            "rollout.freeze_malformed", f"The freeze window {text[:80]!r} cannot be read: {error.message}", error.hint
        ) from None
    if end <= start:
        raise InvalidInput(
            "rollout.freeze_malformed", f"The freeze window {text[:80]!r} ends before it starts", "Write START/END."
        )
    return start, end


def _is_second_person(actor: str, approver: str) -> bool:
    return bool(approver.strip()) and approver.strip().casefold() != actor.strip().casefold()
