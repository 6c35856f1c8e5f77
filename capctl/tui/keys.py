"""What the Keys screen says, from the console's state: where a rotation stands, and the one thing to do next. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, cast

from capctl.tui.activities import Activity, latest
from capctl.tui.headline import Headline
from capctl.tui.state import ConsoleState
from capctl.tui.wording import age, count, duration
from engine.ops.results.keys import RotationStatus, ShownKey, ShownRequirement
from engine.ops.results.keys_look import KeysLook

SCREEN: Final = "keys"
PURPOSES: Final = ("response", "registry", "backup", "orr")
"""Whose rotations are shown, in this order."""

SIGNED: Final = {
    "response": "verification results",
    "registry": "policies and lists",
    "backup": "backups and drill reports",
    "orr": "readiness reviews",
}
"""What a purpose's key signs, in words."""

LINE: Final = ("steady", "prepared", "dual", "switched", "decommissioned")
"""The phases of a rotation that goes well."""

CHANGING: Final = (
    "keys.init",
    "keys.prepare",
    "keys.dual_accept",
    "keys.switch",
    "keys.decommission",
    "keys.abort",
    "keys.revoke",
    "keys.renew",
)
"""Operations that change keys: one at a time."""


class NextStep(NamedTuple):
    """The step that leads on."""

    op_id: str
    verb: str
    """What its key does."""
    asks: str
    """The question before it, without the environment."""
    effect: str
    """What will be so afterwards."""
    way_back: str
    """Whether it can be undone, and how."""


STEPS: Final = {
    "init": NextStep(
        "keys.init",
        "Make the key",
        "Make the first {purpose} key",
        "A first key is made and signs from now on; a first keyring also gets its root and the registry's key.",
        "Keys that are there stay.",
    ),
    "prepare": NextStep(
        "keys.prepare",
        "Prepare",
        "Begin to rotate the {purpose} key",
        "A new key is made and tried out. Nobody accepts it yet.",
        "Until the switch, a gives it up.",
    ),
    "dual-accept": NextStep(
        "keys.dual_accept",
        "Accept both",
        "Accept the old and the new {purpose} key",
        "The new key is published: old and new are accepted, the old one signs.",
        "Until the switch, a gives it up.",
    ),
    "switch": NextStep(
        "keys.switch",
        "Switch",
        "Sign with the new {purpose} key",
        "The new key signs from now on; what the old one signed is still accepted.",
        "Then there is no giving up: the way back is another rotation.",
    ),
    "decommission": NextStep(
        "keys.decommission",
        "Decommission",
        "End the old {purpose} key",
        "The old key is refused from now on, and its private half is destroyed.",
        "This has no way back.",
    ),
}
"""By the name that `RotationStatus.next_step` gives; `init` where there is no key yet."""


def look_of(state: ConsoleState) -> KeysLook | None:
    """The last look at the keys; None before the first."""
    return cast("KeysLook | None", state.reading(SCREEN).snapshot)


def under_way(state: ConsoleState) -> Activity | None:
    """The latest operation that changes keys, while it runs."""
    run = latest(state.activities, *CHANGING)
    return run if run and run.is_running else None


def has_no_key(look: KeysLook) -> bool:
    """Whether the purpose that is shown has no key at all."""
    return look.problem is not None and look.problem.code == "keys.none"


def next_step(look: KeysLook) -> NextStep | None:
    """The step that leads on; None where nothing is known."""
    if has_no_key(look):
        return STEPS["init"]
    return STEPS[look.rotation.next_step] if look.rotation else None


def wait_s(needed: ShownRequirement, state: ConsoleState) -> float | None:
    """Seconds until a requirement holds of itself, counted down since the look; None where waiting is no use."""
    if needed.met or needed.wait_s is None:
        return None
    return max(0.0, needed.wait_s - (state.reading(SCREEN).age_s(state.monotonic_s) or 0.0))


def ending(rotation: RotationStatus) -> datetime | None:
    """When the old key will be refused, where that is settled and still to come."""
    ends = [key.verify_until for key in rotation.accepted if key.verify_until and key.verify_until > rotation.at]
    return min(ends, default=None)


def accepted_keys(look: KeysLook) -> tuple[ShownKey, ...]:
    """The keys of the purpose that count right now, the one that signs first."""
    found = look.rotation.accepted if look.rotation else ()
    return tuple(sorted(found, key=lambda key: not key.signs))


def keys_headline(state: ConsoleState) -> Headline:
    """Say in one line what to do now, and in a second one why or what it will do."""
    look, reading = look_of(state), state.reading(SCREEN)
    if run := under_way(state):
        told = run.current
        done = f"{count(told.done)} of {count(told.total)} signed again" if told and told.total else ""
        return Headline("WORKING", "…", "hold", f"{run.call.op.summary.partition(':')[0].rstrip('.')}", done)
    if look is None:
        if reading.failure:
            return Headline("UNKNOWN", "?", "stale", reading.failure.message, reading.failure.hint)
        return Headline("WAITING", "…", "idle", "Looking at the keyring", "")
    if reading.is_stale(state.monotonic_s):
        reason = reading.failure.message if reading.failure else "The registry does not answer"
        return Headline("STALE", "?", "stale", f"No look for {age(reading.age_s(state.monotonic_s))}", reason)
    if look.rotation is None:
        return _without_rotation(look)
    return _standing(look.rotation, look.waits_s, state)


def _without_rotation(look: KeysLook) -> Headline:
    if has_no_key(look):
        title = f"There is no {look.purpose} key yet: g makes one"
        return Headline("NO KEY", "·", "idle", title, f"It would sign {SIGNED[look.purpose]}.")
    assert look.problem is not None, "a rotation that cannot be told has a problem"
    return Headline("UNKNOWN", "?", "stale", look.problem.message, look.problem.hint)


def _standing(rotation: RotationStatus, waits_s: float, state: ConsoleState) -> Headline:
    word, step = rotation.phase.upper(), STEPS[rotation.next_step]
    if rotation.missing:
        waits = [wait_s(needed, state) for needed in rotation.missing]
        known = [wait for wait in waits if wait is not None]
        if known and len(known) == len(waits):
            title = f"Wait {duration(max(known))}, then g goes on: {step.verb.lower()}"
            return Headline(word, "…", "hold", title, f"It waits until {_names(rotation)}; you may leave meanwhile.")
        return Headline(word, "…", "hold", f"Not yet time to {step.verb.lower()}", _missing(rotation))
    if rotation.phase == "revoked":
        title = f"A key was revoked ({rotation.reason}); another one signs"
        return Headline(word, "■", "closed", title, "Nothing it ever signed is accepted. g begins a rotation.")
    if rotation.phase == "decommissioned":
        return _ended(rotation)
    if rotation.phase in ("steady", "aborted"):
        title = "Nothing to do" if rotation.phase == "steady" else "Given up: the old key goes on"
        long = f"In all at least {duration(waits_s)}, mostly waiting." if waits_s else ""
        return Headline(word, "○", "open", f"{title}; g begins a rotation", f"Then: {step.effect} {long}".rstrip())
    return Headline(word, "○", "open", f"g goes on: {step.verb.lower()}", f"Afterwards: {step.effect}")


def _ended(rotation: RotationStatus) -> Headline:
    end = ending(rotation)
    if end is None:
        title = "Done: the old key is refused, the new one signs"
        return Headline("DONE", "○", "open", title, "g would begin the next rotation.")
    left = duration((end - rotation.at).total_seconds())
    return Headline("ENDING", "…", "hold", f"The old key is accepted for another {left}", "Nothing is left to do.")


def _names(rotation: RotationStatus) -> str:
    return "; ".join(needed.text for needed in rotation.missing)


def _missing(rotation: RotationStatus) -> str:
    return "; ".join(f"{needed.text}: {needed.detail}" for needed in rotation.missing) + "."
