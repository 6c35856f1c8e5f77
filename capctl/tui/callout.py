"""What is said aloud about a new state: a limit that broke, and what someone else has done."""

from __future__ import annotations

from typing import NamedTuple

from capctl.tui.state import ConsoleState
from capctl.tui.wording import rollout_share
from engine.drift.gate import Answer


class Callout(NamedTuple):
    """A transition that this console did not make."""

    title: str
    message: str


def has_closed(before: ConsoleState, now: ConsoleState) -> bool:
    """Whether the gate has closed since."""
    return now.answer is Answer.CLOSED and before.answer not in (Answer.CLOSED, None)


def others_change(before: ConsoleState, now: ConsoleState, *, actor: str) -> Callout | None:
    """The transition that someone other than `actor` made since; None without one."""
    if before.rollout is None or now.rollout is None or now.rollout.revision == before.rollout.revision:
        return None
    if now.rollout.actor == actor:
        return None
    where = f"{rollout_share(now.rollout.basis_points)}, {now.rollout.phase.value.replace('_', ' ')}"
    return Callout(f"{now.rollout.actor}: now {where}", now.rollout.reason)
