"""The gate's answer, large: may the rollout go on, why not, and what is still needed."""

from __future__ import annotations

from datetime import tzinfo

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import GLYPHS
from capctl.tui.headline import BADGE_WIDTH, Headline, draw_headline, texts_of
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, clock_time, count, duration, percent, rollout_share
from engine.drift.gate import Answer, GateReport
from engine.rollout.state import Phase, RolloutState


class GatePanel(Panel):
    """A badge with the answer as word, glyph and colour, and beside it what to make of it."""

    DEFAULT_CSS = """
    GatePanel { height: 3; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the badge over the whole height, and three lines of text beside it."""
        headline = gate_headline(state)
        return draw_headline(headline, self._texts(headline, state, size.width - BADGE_WIDTH - 2), size)

    def _texts(self, headline: Headline, state: ConsoleState, width: int) -> list[Content]:
        """The lines beside the badge: a long reason gets two, and then where the rollout stands is cut off first."""
        texts = texts_of(headline, width, _standing(state, self.room.zone))
        if state.rollout is not None and state.rollout.break_glass is not None:
            return [texts[0], texts[-1], *texts[1:-1]]
        return texts


def gate_headline(state: ConsoleState) -> Headline:
    """Say in one line what the operator may do now, and in a second one why."""
    if state.snapshot is None:
        return _without_data(state)
    if state.lost:
        reason = state.failure.message if state.failure else "The store does not answer"
        return Headline("STALE", "?", "stale", f"No answer for {age(state.sample_age_s)}", reason)
    if state.rollout is None:
        return Headline("NO ROLLOUT", "·", "idle", "No rollout has been started", _how_to_start(state))
    if state.stale:
        return Headline(
            "STALE",
            "?",
            "stale",
            f"No measurement for {age(state.evidence_age_s)}",
            "The verifiers are silent: nothing is known about drift. Rolling back works.",
        )
    return _answer(state, state.rollout, state.gate)


def _without_data(state: ConsoleState) -> Headline:
    if state.failure is None:
        return Headline("WAITING", "…", "idle", "Waiting for the first sample", "")
    return Headline("UNKNOWN", "?", "stale", state.failure.message, state.failure.hint)


def _how_to_start(state: ConsoleState) -> str:
    return (
        "This console is read-only."
        if state.read_only
        else "Start one with s: at 0 % all is measured, nothing enforced"
    )


def _answer(state: ConsoleState, rollout: RolloutState, gate: GateReport | None) -> Headline:
    here = rollout_share(rollout.basis_points)
    if rollout.phase is Phase.ROLLED_BACK:
        # Whatever the gate says of 0 %: going on is not the next thing to do, and the badge must not invite to it.
        reason = f"{rollout.actor}: {rollout.reason}" if rollout.reason else f"by {rollout.actor}"
        return Headline("ROLLED BACK", "■", "closed", f"Nothing is enforced: rolled back to {here}", reason)
    if gate is None:
        return Headline("UNKNOWN", "?", "stale", "The gate has not been asked", "")
    detail = next((c.detail for c in gate.conditions if c.answer is gate.answer is not Answer.OPEN), _all_hold(gate))
    if still_needed(gate):
        # What is still needed stands in the title already.
        detail = detail.partition(";")[0]
    if rollout.phase is Phase.PAUSED and gate.answer is not Answer.CLOSED:
        return Headline("PAUSED", "‖", "hold", f"Paused at {here}: space resumes", detail)
    return Headline(
        gate.answer.value.upper(), GLYPHS[gate.answer], gate.answer.value, _advice(state, here, gate), detail
    )


def _advice(state: ConsoleState, here: str, gate: GateReport) -> str:
    following = state.snapshot.next_percent if state.snapshot else None
    if gate.answer is Answer.CLOSED:
        return "Stop: a limit is broken" + ("; b rolls back to 0 %" if here != "0 %" else "")
    if following is None:
        return f"At {here}, the last step of the plan"
    if gate.answer is Answer.OPEN:
        return f"Safe to go on: p promotes to {percent(following)}"
    return "Not yet" + (f": {still_needed(gate)}" if still_needed(gate) else "")


def still_needed(gate: GateReport) -> str:
    """The evidence that is missing, with the time it may take: `489 more clean requests, about 2 min`."""
    parts = []
    if gate.samples_needed:
        parts.append(f"{count(gate.samples_needed)} more clean requests")
    if gate.expected_wait_s:
        parts.append(f"about {duration(gate.expected_wait_s)}")
    return ", ".join(parts)


def _all_hold(gate: GateReport) -> str:
    return f"{count(gate.mismatches)} of {count(gate.n)} requests drifted; every condition holds."


def _standing(state: ConsoleState, zone: tzinfo | None) -> Content:
    """Where the rollout stands; break-glass is louder than anything else."""
    rollout = state.rollout
    if rollout is None:
        return Content("")
    if rollout.break_glass:
        glass = rollout.break_glass
        text = f"BREAK-GLASS until {clock_time(glass.until, zone)} by {glass.actor}: {glass.reason}"
        return Content.styled(text, "bold $ink on $gate-closed")
    number = (
        f"step {rollout.step_index + 1} of {len(rollout.plan.steps)}" if rollout.step_index >= 0 else "off the plan"
    )
    last_known = "last known: " if state.lost else ""
    since = duration((state.now - rollout.step_started_at).total_seconds())
    return Content.styled(
        f"{last_known}{phase_word(rollout)} {rollout_share(rollout.basis_points)} · {number} · for {since}"
        f" · revision {rollout.revision}",
        "$muted",
    )


def phase_word(rollout: RolloutState) -> str:
    """The phase as people say it."""
    return rollout.phase.value.replace("_", " ")
