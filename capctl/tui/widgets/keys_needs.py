"""What unlocks the next step of a rotation: each thing it needs, met or missing, with what was found."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.keys import look_of, next_step, wait_s
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import clock_time, duration
from engine.ops.results.keys import RotationStatus, ShownRequirement
from engine.ops.results.keys_look import KeysLook

TO_DO: Final = {
    "replicas": "Start what is silent; a verifier takes the keyring up within seconds.",
    "entries": "Sign the rest: :keys rotate switch --purpose registry",
    "announced": "Waiting is enough; callers fetch new keys meanwhile.",
    "soaked": "Waiting is enough; results signed by the old key run out.",
}
"""What helps where a requirement is missing, by its code."""


class KeysNeeds(Panel):
    """A line for each requirement, and what to do about the first that is missing."""

    DEFAULT_CSS = """
    KeysNeeds { height: 5; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the requirements of the next step."""
        look = look_of(state)
        step = next_step(look) if look else None
        lines = [heading("Next step", step.verb.lower() if step else "", size.width)]
        if look is not None and step is not None:
            zone = self.room.zone
            lines += _needs(look.rotation, state, size.width, zone) if look.rotation else [_nothing(look)]
            lines.append(_advice(look, step.way_back))
        return page([line.truncate(size.width, ellipsis=True) for line in lines[: size.height or None]])


def _needs(rotation: RotationStatus, state: ConsoleState, width: int, zone: tzinfo | None) -> list[Content]:
    if not rotation.requirements:
        return [row(Content.styled("○ ", "bold $gate-open"), "It needs nothing.")]
    return [_need(needed, state, width, zone) for needed in rotation.requirements]


def _need(needed: ShownRequirement, state: ConsoleState, width: int, zone: tzinfo | None) -> Content:
    wait = wait_s(needed, state)
    found = needed.detail
    if wait is not None:
        found = f"{duration(wait)} left, at {clock_time(state.now + timedelta(seconds=wait), zone)}"
    glyph, tone = ("○", "$gate-open") if needed.met else ("…", "$gate-hold")
    return row(
        Content.styled(f"{glyph} ", f"bold {tone}"),
        cell(needed.text, min(44, width - 28)),
        Content.styled(f"  {found}", "$muted" if needed.met else f"bold {tone}"),
    )


def _nothing(look: KeysLook) -> Content:
    return Content(f"It needs nothing: g makes the first {look.purpose} key.")


def _advice(look: KeysLook, way_back: str) -> Content:
    missing = look.rotation.missing if look.rotation else ()
    advice = next((TO_DO[needed.code] for needed in missing if needed.code in TO_DO), way_back)
    return Content.styled(advice, "$muted")
