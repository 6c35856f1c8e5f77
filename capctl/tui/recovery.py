"""What the Recovery screen says, from the console's state: what would be lost now, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from capctl.tui.activities import Activity, latest
from capctl.tui.headline import Headline
from capctl.tui.state import ConsoleState
from capctl.tui.wording import age, count, duration, latency
from engine.errors import Held
from engine.ops.results.audit import ShownRecord
from engine.ops.results.recovery_look import RecoveryLook, SeenBackup
from engine.recovery import KeptReport

SCREEN: Final = "recovery"
DRILLS: Final = ("drill.restore", "drill.rotation")
WORKING: Final = ("backup.keygen", "backup.create", "backup.verify", "restore.run", *DRILLS)
"""Operations about backups and drills: one at a time."""

DRILL_EVERY_S: Final = 7 * 86_400.0
"""How long a restore drill speaks for the backups after it; docs/runbook_restore.md asks for one every week."""


class NextStep(NamedTuple):
    """What leads on."""

    op_id: str
    does: str
    """What its key does, after `g`."""
    detail: str


IDENTITY: Final = NextStep("backup.keygen", "makes an identity", "It opens backups. After that, g backs up.")
BACK_UP: Final = NextStep("backup.create", "backs up", "While everything goes on; nothing live is changed.")
DRILL: Final = NextStep(
    "drill.restore", "rehearses a restore", "Into a hidden place that is removed again; nothing live is changed."
)
ROTATE: Final = NextStep(
    "drill.rotation", "rehearses a key rotation", "On a copy, under traffic; nothing live is changed."
)


DOING: Final = {
    "backup.keygen": "Making an identity",
    "backup.create": "Backing up",
    "backup.verify": "Checking a backup",
    "restore.run": "Restoring a backup",
    "drill.restore": "Rehearsing a restore",
    "drill.rotation": "Rehearsing a key rotation",
}
"""Operations under way, in words."""


class Stage(NamedTuple):
    """A part of an operation."""

    name: str
    answer: str
    """`open` when it is done, `hold` while it is under way, `closed` where it failed, else empty."""


STAGES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "backup.create": {"copy": ("copying",), "encrypt and sign": ("encrypting",)},
    "backup.verify": {"check the signature": ("checking",), "restore aside": ("restoring",), "read": ("verifying",)},
    "restore.run": {"check the signature": ("checking",), "restore": ("restoring",), "read": ("verifying",)},
    "drill.restore": {
        "back up": ("backup", "copying", "encrypting"),
        "check": ("open", "checking"),
        "restore": ("restore", "restoring", "verifying"),
        "start verifier": ("start",),
        "compare": ("compare", "comparing"),
    },
    "drill.rotation": {
        "copy": ("copy",),
        "start": ("start",),
        "prepare": ("prepare",),
        "accept both": ("dual-accept",),
        "switch": ("switch",),
        "end old": ("decommission", "old key's end"),
    },
}
"""The parts of each operation in words, with the steps that it tells of them."""


def look_of(state: ConsoleState) -> RecoveryLook | None:
    """The last look at backups and drills; None before the first."""
    return cast("RecoveryLook | None", state.reading(SCREEN).snapshot)


def under_way(state: ConsoleState) -> Activity | None:
    """The latest operation about backups and drills, while it runs."""
    run = latest(state.activities, *WORKING)
    return run if run and run.is_running else None


def next_step(look: RecoveryLook) -> NextStep | None:
    """What leads on; None where something has to be done elsewhere first."""
    if look.obstacle is not None:
        return IDENTITY if look.obstacle.code == "recovery.no_recipient" else None
    newest = look.newest
    if newest is None or _is_broken(newest) or _is_old(look, newest):
        return BACK_UP
    if is_drill_due(look):
        return DRILL
    rotation = look.drills.get("rotation")
    return BACK_UP if look.is_rotating or (rotation is not None and rotation.ok) else ROTATE


def is_drill_due(look: RecoveryLook) -> bool:
    """Whether nothing shows that a backup of today can be restored."""
    drill = look.drills.get("restore")
    if drill is None or not drill.ok or _ended_early(look) is not None:
        return True
    return (look.at - drill.started_at).total_seconds() > DRILL_EVERY_S


def failed_drill(look: RecoveryLook) -> KeptReport | ShownRecord | None:
    """The last restore drill, where it failed and nothing newer was backed up: by its report, else by the trail."""
    drill = look.drills.get("restore")
    if (attempt := _ended_early(look)) is not None:
        return attempt if _is_latest(attempt.record.at, look.newest) else None
    return drill if drill is not None and not drill.ok and _is_latest(drill.started_at, look.newest) else None


def _ended_early(look: RecoveryLook) -> ShownRecord | None:
    """The last attempt at a restore drill, where it came to no report."""
    attempt = next((shown for shown in look.attempts if shown.record.event.action == "drill.restore"), None)
    return attempt if attempt is not None and attempt.record.event.outcome != "done" else None


def stages(run: Activity) -> tuple[Stage, ...]:
    """The parts of an operation and how far each is; none where it has no parts."""
    known = dict(STAGES.get(run.call.op.id, {}))
    if run.call.arguments.get("archive"):
        known.pop("back up", None)  # it has one already
    told = {step.progress.step for step in run.steps}
    reached = [bool(told.intersection(names)) for names in known.values()]
    current = max((place for place, seen in enumerate(reached) if seen), default=0 if run.error else -1)
    found = []
    for place, name in enumerate(known):
        is_past = place < current or (run.ended_at is not None and run.error is None)
        answer = "open" if is_past and reached[place] else ""
        if place == current and not answer:
            answer = "hold" if run.is_running else "closed"
        found.append(Stage(name, answer))
    return tuple(found)


def recovery_headline(state: ConsoleState) -> Headline:
    """Say in one line what would be lost now, and in a second one why or what next."""
    look, reading = look_of(state), state.reading(SCREEN)
    if run := under_way(state):
        return _running(run, state)
    if look is None:
        if reading.failure:
            return Headline("UNKNOWN", "?", "stale", reading.failure.message, reading.failure.hint)
        return Headline("WAITING", "…", "idle", "Looking for backups", "")
    if reading.is_stale(state.monotonic_s):
        reason = reading.failure.message if reading.failure else "The registry does not answer"
        return Headline("STALE", "?", "stale", f"No look for {age(reading.age_s(state.monotonic_s))}", reason)
    last = latest(state.activities, *WORKING)
    if last and isinstance(last.error, Held):
        return Headline("NOT NOW", "…", "hold", last.error.message, last.error.hint)
    if last and last.error:
        word = "DRILL FAILED" if last.call.op.id in DRILLS else "FAILED"
        return Headline(word, "■", "closed", last.error.message, last.error.hint)
    return _standing(look, state)


def _running(run: Activity, state: ConsoleState) -> Headline:
    now = next((stage.name for stage in stages(run) if stage.answer == "hold"), "starting")
    told = run.current
    done = f": {count(told.done)} of {count(told.total)}" if told and told.total and told.total < 100_000 else ""
    since = age((state.now - run.at).total_seconds())
    title = f"{DOING[run.call.op.id]}, for {since}"
    return Headline("RUNNING", "…", "hold", title, f"Now: {now}{done}. It goes on by itself.")


def _standing(look: RecoveryLook, state: ConsoleState) -> Headline:
    newest, step = look.newest, next_step(look)
    if look.obstacle is not None:
        word = "NO BACKUP" if newest is None else "NOT SET UP"
        hint = f"Press g: it {step.does}. {step.detail}" if step else look.obstacle.hint
        return Headline(word, "■", "closed", look.obstacle.message, hint)
    if newest is None:
        title = "Nothing could be restored: g backs up"
        return Headline("NO BACKUP", "■", "closed", title, BACK_UP.detail)
    records = look.records_since(newest)
    lost = f"{age(_age_s(newest, state.now))} of work ({count(records)} record{'' if records == 1 else 's'})"
    if _is_broken(newest):
        title = "The newest backup cannot be restored: g makes another"
        return Headline(
            "DAMAGED", "■", "closed", title, "Its files are not what was signed. Older ones are listed below."
        )
    if (failed := failed_drill(look)) is not None:
        return _failed(failed, state)
    if _is_old(look, newest):
        limit = duration(look.max_age_s)
        return Headline(
            "OLD", "…", "hold", f"A loss now would cost {lost}", f"The newest backup is older than {limit}: g backs up."
        )
    if is_drill_due(look):
        return _untried(look, newest, state)
    rotation = look.drills.get("rotation")
    if rotation is not None and not rotation.ok:
        title = f"The rotation drill {age((state.now - rotation.started_at).total_seconds())} ago failed"
        return Headline(
            "DRILL FAILED", "■", "closed", title, "Rotate no live key before it passes: g rehearses it again."
        )
    return _safe(look, lost)


def _failed(failed: KeptReport | ShownRecord, state: ConsoleState) -> Headline:
    hint = "Treat it as if there were no backup: n backs up anew, then g rehearses that."
    if isinstance(failed, KeptReport):
        equal = f"{failed.facts['equal']} of {failed.facts['policies']} policies came back equal"
        return Headline("DRILL FAILED", "■", "closed", equal, hint)
    record = failed.record
    since = age((state.now - record.at).total_seconds())
    return Headline("DRILL FAILED", "■", "closed", f"The drill {since} ago ended early ({record.event.code})", hint)


def _untried(look: RecoveryLook, newest: SeenBackup, state: ConsoleState) -> Headline:
    drill = look.drills.get("restore")
    if drill is not None and drill.ok and _ended_early(look) is None:
        title = f"The last restore drill is {age((state.now - drill.started_at).total_seconds())} old"
        return Headline("DRILL DUE", "…", "hold", f"{title}: g rehearses", DRILL.detail)
    title = f"Backed up {age(_age_s(newest, state.now))} ago, never restored: g rehearses it"
    return Headline("UNTRIED", "…", "hold", title, DRILL.detail)


def _safe(look: RecoveryLook, lost: str) -> Headline:
    drill, step = look.drills["restore"], next_step(look)
    back = f"Back in {latency(rto_s(drill.facts))}, as in the last drill"
    leads_on = f"; g {step.does}" if step else ""
    return Headline("SAFE", "○", "open", f"A loss now would cost {lost}", f"{back}{leads_on}.")


def rto_s(facts: Mapping[str, Any]) -> float | None:
    """The recovery time of a drill's report, in seconds."""
    told = facts.get("rto_ms")
    return told / 1000 if isinstance(told, int) else None


def rpo_s(facts: Mapping[str, Any]) -> float | None:
    """The recovery point of a drill's report, in seconds."""
    told = facts.get("rpo_ms")
    return told / 1000 if isinstance(told, int) else None


def _is_broken(backup: SeenBackup) -> bool:
    return backup.check is not None and not backup.check.ok


def _is_old(look: RecoveryLook, backup: SeenBackup) -> bool:
    return _age_s(backup, look.at) > look.max_age_s


def _age_s(backup: SeenBackup, now: datetime) -> float:
    return max(0.0, (now - backup.made_at).total_seconds()) if backup.made_at else 0.0


def _is_latest(moment: datetime, newest: SeenBackup | None) -> bool:
    return newest is None or newest.made_at is None or moment >= newest.made_at
