"""The top line: where am I, on which policy, and how old is what I see."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import row
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import age, clock_time, short_hash, zone_name
from engine.settings import PRODUCTION


class Header(Panel):
    """Environment, policy and hashes at the left; age of the data and the time at the right."""

    DEFAULT_CSS = """
    Header { height: 1; background: $surface; }
    """

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw the line; the policy's hashes give way first when it is narrow."""
        right = row(_age(state), Content.styled(f"  {self._time(state)} ", "$muted"))
        left = row(environment_badge(state.env), *_policy(state, size.width))
        return row(left, " " * max(1, size.width - left.cell_length - right.cell_length), right)

    def _time(self, state: ConsoleState) -> str:
        zone = self.room.zone
        return f"{clock_time(state.now, zone)} {zone_name(state.now, zone)}"


def environment_badge(env: str) -> Content:
    """The environment as a filled badge; production in words that cannot be taken for another."""
    word = " PRODUCTION " if env == PRODUCTION else f" {env.upper()} "
    return Content.styled(word, "bold $ink on $env")


def _policy(state: ConsoleState, width: int) -> list[Content]:
    parts = [Content.styled("  read-only", "bold $gate-hold")] if state.read_only else []
    if state.snapshot is None:
        return parts
    parts.append(Content.styled(f"  {state.snapshot.policy_id}", "bold"))
    if width >= 76 and state.snapshot.ir_hash:
        parts.append(Content.styled(f"  ir {short_hash(state.snapshot.ir_hash)}", "$muted"))
    if width >= 120 and state.snapshot.policy_hash:
        parts.append(Content.styled(f"  policy {short_hash(state.snapshot.policy_hash)}", "$muted"))
    return parts


def _age(state: ConsoleState) -> Content:
    if state.snapshot is None:
        return Content.styled("no data yet", "$muted")
    if state.lost:
        return Content.styled(f"? STALE {age(state.sample_age_s)}", "bold $stale")
    if state.evidence_age_s is None:
        return Content.styled("no measurements", "$muted")
    if state.stale:
        return Content.styled(f"? STALE {age(state.evidence_age_s)}", "bold $stale")
    return Content.styled(f"data {age(state.evidence_age_s)} old", "$muted")
