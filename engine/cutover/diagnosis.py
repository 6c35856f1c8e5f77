"""Where a release stands, from helm's history and what is known of whoever is changing it. Pure.

| newest revision | somebody at work | nobody, unfinished record | nobody |
| --- | --- | --- | --- |
| none | running | interrupted | absent |
| pending-* | running | interrupted | running, while a helm of somebody else may be; then interrupted |
| failed | running | failed | failed |
| deployed | running | interrupted: helm ended, its readiness was not awaited | deployed |
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from engine.clock import to_rfc3339
from engine.cutover.target import DEFAULT_TIMEOUT_S, Phase, Revision, UnderWay

APPLY: Final = "capctl deploy apply"
ROLLBACK: Final = "capctl deploy rollback"
UNTOUCHED: Final = "helm had changed nothing yet"


class Diagnosis(NamedTuple):
    """A phase, what it means here, and the command that leads on."""

    phase: Phase
    explanation: str
    way_out: str = ""


def diagnose(history: Sequence[Revision], under_way: UnderWay | None, now: datetime) -> Diagnosis:
    """Say where a release stands.

    Args:
        history: Newest first.
        under_way: What this machine knows of a change that was begun and not ended.
        now: The time.
    """
    if under_way and under_way.is_alive:
        who = f"{under_way.actor} has been at {under_way.action} since {to_rfc3339(under_way.since)}"
        return Diagnosis(Phase.RUNNING, f"{who}, now at {under_way.step}.")
    if not history or history[0].status == "uninstalled":
        return _absent(under_way)
    newest = history[0]
    if newest.is_pending:
        return _pending(newest, history, under_way, now)
    if newest.status != "deployed":
        words = f"Revision {newest.number} is {newest.status}{_because(newest)}."
        return Diagnosis(Phase.FAILED, words, ROLLBACK if _good(history) else APPLY)
    if under_way:
        ended = f"helm ended as revision {newest.number}, and nobody awaited its readiness"
        words = f"{_cut_off(under_way)}; {ended if newest.number > under_way.from_revision else UNTOUCHED}."
        return Diagnosis(Phase.INTERRUPTED, words, APPLY if under_way.action == "apply" else ROLLBACK)
    return Diagnosis(Phase.DEPLOYED, f"Revision {newest.number} is deployed.")


def _absent(under_way: UnderWay | None) -> Diagnosis:
    if under_way is None:
        return Diagnosis(Phase.ABSENT, "It was never installed here.", APPLY)
    return Diagnosis(Phase.INTERRUPTED, f"{_cut_off(under_way)}; {UNTOUCHED}.", APPLY)


def _pending(newest: Revision, history: Sequence[Revision], under_way: UnderWay | None, now: datetime) -> Diagnosis:
    words = f"Revision {newest.number} is {newest.status} since {to_rfc3339(newest.at.replace(microsecond=0))}"
    if under_way:
        return Diagnosis(
            Phase.INTERRUPTED, f"{words}: {_cut_off(under_way)}, helm with it.", _way_out_of_pending(history)
        )
    if (now - newest.at).total_seconds() < DEFAULT_TIMEOUT_S:
        return Diagnosis(Phase.RUNNING, f"{words}: somebody's helm is at work elsewhere, or was killed just now.")
    way_out = _way_out_of_pending(history)
    return Diagnosis(Phase.INTERRUPTED, f"{words}, longer than any helm waits: it was killed.", way_out)


def _way_out_of_pending(history: Sequence[Revision]) -> str:
    good = _good(history)
    return f"{ROLLBACK} {good.number}" if good else APPLY


def _good(history: Sequence[Revision]) -> Revision | None:
    return next((entry for entry in history if entry.is_good), None)


def _cut_off(under_way: UnderWay) -> str:
    return f"{under_way.action} by {under_way.actor} was cut off at {under_way.step}"


def _because(revision: Revision) -> str:
    return f": {revision.description}" if revision.description else ""
