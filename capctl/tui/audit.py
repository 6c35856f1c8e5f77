"""What the Audit screen says, from the console's state: whether the trail is whole, and which part is shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final, cast

from capctl.tui.activities import Activity
from capctl.tui.headline import Headline
from capctl.tui.state import ConsoleState
from capctl.tui.wording import age, clock_time, count, sentence, short_hash
from engine.clock import from_rfc3339, to_rfc3339
from engine.ops.results.audit import Finding, Verification
from engine.ops.results.audit_look import AuditLook, SeenLine
from engine.ops.trail import Filter
from engine.ops.trail_look import middle

SCREEN: Final = "audit"
VERIFY: Final = "audit.verify"

FRESH_S: Final = 3600.0
"""A verification that is older says little about what was done since."""

OUTCOMES: Final = ("refused", "failed", "done", "intent")
"""In the order in which the key goes through them: what went wrong first."""

SPANS: Final = (timedelta(minutes=15), timedelta(hours=1), timedelta(days=1), timedelta(days=7))
"""How far back the key for the time goes, one after the other."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters, as `audit show` takes them; empty ones are not set."""

    action: str = ""
    outcome: str = ""
    actor: str = ""
    object: str = ""
    since: str = ""
    until: str = ""

    def filter(self) -> Filter:
        """What is looked for. Raises InvalidInput for a time that is none."""
        return Filter.of(self.action, self.actor, self.outcome, self.since, self.until, object=self.object)

    def next_outcome(self) -> Wanted:
        """With the next outcome, after the last one none."""
        return replace(self, outcome=_following(self.outcome, OUTCOMES))

    def next_action(self, action: str) -> Wanted:
        """With an action's group, then that action itself, then none."""
        return replace(self, action=_following(self.action, (action.partition(".")[0], action)))

    def next_span(self, now: datetime) -> Wanted:
        """With the next longer time that goes back from now, after the longest none.

        Args:
            now: Since then the spans are counted; one that was set earlier is recognised by its length.
        """
        here = now - from_rfc3339(self.since) if self.since else timedelta()
        longer = next((span for span in SPANS if span > here + timedelta(minutes=5)), None)
        return replace(self, since=to_rfc3339((now - longer).replace(microsecond=0)) if longer else "")


def _following(current: str, choices: tuple[str, ...]) -> str:
    """The choice after the current one; the first for any other, nothing after the last."""
    if current not in choices:
        return choices[0]
    place = choices.index(current) + 1
    return choices[place] if place < len(choices) else ""


def look_of(state: ConsoleState) -> AuditLook | None:
    """The last look at the trail."""
    return cast("AuditLook | None", state.reading(SCREEN).snapshot)


def verifying(state: ConsoleState) -> Activity | None:
    """This console's latest verification of the registry's own trail; of files there are others."""
    runs = (run for run in reversed(state.activities) if run.call.op.id == VERIFY and not run.call.arguments)
    return next(runs, None)


def findings(state: ConsoleState) -> tuple[Finding, ...]:
    """What the latest verification found wrong."""
    run = verifying(state)
    return cast(Verification, run.result).findings if run and run.result else ()


def broken_at(state: ConsoleState) -> tuple[int, ...]:
    """Numbers of the records at which something is wrong, the first of them first."""
    return tuple(sorted({found.position for found in findings(state) if found.position is not None}))


def problems_of(line: SeenLine, lines: Sequence[SeenLine], state: ConsoleState) -> list[str]:
    """What is wrong at a line; where lines are gone, it is said of the one that follows them.

    Args:
        line: One of the lines.
        lines: Those that are shown.
        state: What a verification has found.
    """
    before = max((other.number for other in lines if other.number < line.number), default=line.number - 1)
    return [
        found.problem
        for found in findings(state)
        if found.position is not None and before < found.position <= line.number
    ]


def place_of(lines: tuple[SeenLine, ...], number: int | None) -> int:
    """Where the line that is meant by a number stands among those that are shown."""
    meant = middle(lines, number)
    return lines.index(meant) if meant else 0


def audit_headline(state: ConsoleState) -> Headline:
    """Say in a line whether the trail is what was recorded, and in a second one where not, or what to do."""
    look, reading, run = look_of(state), state.reading(SCREEN), verifying(state)
    if run and run.is_running:
        return Headline("VERIFYING", "…", "hold", _progress(run), "Every line, the tree, and every checkpoint.")
    if look is None:
        if reading.failure:
            return Headline("UNKNOWN", "?", "stale", reading.failure.message, reading.failure.hint)
        return Headline("WAITING", "…", "idle", "Looking at the trail", "")
    if reading.is_stale(state.monotonic_s):
        reason = reading.failure.message if reading.failure else "The registry does not answer"
        return Headline("STALE", "?", "stale", f"No look for {age(reading.age_s(state.monotonic_s))}", reason)
    if run and run.error:
        return Headline("UNKNOWN", "?", "stale", sentence(run.error.message), run.error.hint)
    if run and run.result and run.ended_at:
        verdict = _verified(cast(Verification, run.result), look, (state.now - run.ended_at).total_seconds())
        # That nothing is signed yet is no break: what a verification says of it is what the second place says.
        return verdict if broken_at(state) else _doubted(look) or verdict
    return _doubted(look) or _never_verified(look)


def _progress(run: Activity) -> str:
    told = run.current
    if told is None or not told.total:
        return "Reading the trail"
    return f"Record {count(told.done)} of {count(told.total)}, {told.done * 100 // told.total} %"


def _verified(result: Verification, look: AuditLook, since_s: float) -> Headline:
    if result.findings:
        first = min(result.findings, key=lambda found: (found.position is None, found.position or 0))
        where = f"at line {count(first.position)}" if first.position is not None else f": {first.place}"
        more = len(result.findings) - 1
        others = f" {_many(more, 'more finding')}." if more else ""
        jump = " n goes there." if any(found.position for found in result.findings) else ""
        return Headline("BROKEN", "■", "closed", f"Broken {where}", f"{sentence(first.problem)}.{others}{jump}")
    if look.size < result.records:
        gone = count(result.records - look.size)
        return Headline("BROKEN", "■", "closed", f"{gone} records are gone since it was verified", "v says where.")
    added = look.size - result.records
    since = f"{_many(added, 'record')} since." if added else "None since."
    if since_s > FRESH_S:
        title = f"Verified {age(since_s)} ago: v verifies again"
        return Headline("STALE", "?", "stale", title, f"It was intact to {count(result.records)} then. {since}")
    signed = f"{count(result.covered)} of them as signed" if result.covered < result.records else "All as signed"
    detail = f"{signed}, by {_many(result.checkpoints, 'checkpoint')}. {since}"
    return Headline("INTACT", "○", "open", f"Intact to {count(result.records)}, verified {age(since_s)} ago", detail)


def _many(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def _doubted(look: AuditLook) -> Headline | None:
    """What the cheap look has found wrong already."""
    problem = look.second_place.problem
    if problem is None:
        return None
    if problem.code == "audit.no_checkpoint":
        title = "Nothing outside the registry speaks for it"
        return Headline("UNSIGNED", "…", "hold", title, "No checkpoint is kept: :audit checkpoint makes one.")
    return Headline("IN DOUBT", "■", "closed", problem.message, problem.hint)


def _never_verified(look: AuditLook) -> Headline:
    if not look.size:
        return Headline("EMPTY", "·", "idle", "Nothing was recorded yet", "The first change leaves the first record.")
    detail = f"v reads all {count(look.size)} records and compares them with what was signed."
    return Headline("NEVER VERIFIED", "?", "hold", "Not verified from this console yet", detail)


def signed_line(state: ConsoleState) -> str:
    """How far checkpoints reach, whether both places agree, and what waits."""
    look = look_of(state)
    if look is None or not look.size:
        return ""
    place = look.second_place
    signed = f"signed to {count(place.covered)}" if place.covered else "no checkpoint"
    if place.problem is None:
        signed += ", second place equal"
    if place.waiting_since is not None:
        left = max(1, look.size - place.covered)
        signed += f", {count(left)} not yet, for {age((state.now - place.waiting_since).total_seconds())}"
    elif place.covered_at is not None:
        signed += f", {age((state.now - place.covered_at).total_seconds())} old"
    return f"{signed} · seen {age(state.reading(SCREEN).age_s(state.monotonic_s))} ago"


def moment(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """When something was, in eleven cells at most: the time, on another day the day and the minute."""
    there, here = at.astimezone(zone), now.astimezone(zone)
    if there.date() == here.date():
        return clock_time(at, zone)
    return there.strftime("%m-%d %H:%M" if there.year == here.year else "%Y-%m-%d")


def object_of(line: SeenLine) -> str:
    """What a record is about, short enough for a column."""
    name = line.shown.record.event.object if line.shown else ""
    return short_hash(name) if name.startswith("sha3-256:") else name
