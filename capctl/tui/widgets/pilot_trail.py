"""What ties a run together: the hashes of what judged it, and its records in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.outcomes import TONES
from capctl.tui.pilot import look_of, shown_run
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import clock_time, short_hash
from engine.ops.results.audit import ShownRecord

TIED: Final = {
    "context": "context_hash",
    "manifest": "manifest_hash",
    "policy": "policy_hash",
    "ir": "ir_hash",
    "signed by": "kid",
}
"""What the evidence lists, by the word for it."""

ROOMY_HEIGHT: Final = 7
"""From here on the evidence may take two lines."""


class PilotTrail(Panel):
    """The evidence on one line, and below it the latest records about pilot runs."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw both; records about the run that is shown stand out."""
        look, run = look_of(state), shown_run(state)
        lines = [heading("Audit trail", run.run_id if run else "", size.width)]
        if look is None:
            return page(lines)
        if run is not None:
            lines += _facts(look.facts, size.width)[: 1 if size.height < ROOMY_HEIGHT else 2]
        own = {r.record.event.intent for r in look.trail if run and r.record.event.object == run.run_id}
        for shown in look.trail:
            mine = run is not None and (shown.record.event.object == run.run_id or shown.record.seq in own)
            lines.append(_record(shown, self.room.zone, mine=mine).truncate(size.width, ellipsis=True))
        if not look.trail:
            lines.append(Content.styled("no record of a pilot run yet", "$muted"))
        return page(lines[: size.height] if size.height else lines)


def _facts(facts: Mapping[str, Any], width: int) -> list[Content]:
    """The evidence as pairs of word and value, on as many lines as it takes."""
    lines: list[Content] = []
    for word, name in TIED.items():
        values = [str(value) for value in facts.get(name) or ()]
        if not values:
            continue
        value = values[0][:12] if name == "kid" else short_hash(values[0])
        more = f" +{len(values) - 1}" if len(values) > 1 else ""
        pair = row(Content.styled(f"{word} ", "$muted"), f"{value}{more}  ")
        if lines and lines[-1].cell_length + pair.cell_length <= width:
            lines[-1] = row(lines[-1], pair)
        else:
            lines.append(pair)
    return lines


def _record(shown: ShownRecord, zone: tzinfo | None, *, mine: bool) -> Content:
    record, event = shown.record, shown.record.event
    evidence = f"evidence {short_hash(event.evidence)}" if event.evidence else event.code
    return row(
        Content.styled(f"{clock_time(record.at, zone)}  ", "$muted"),
        cell(f"#{record.seq}", 7, "bold" if mine else "$muted"),
        cell(event.action.removeprefix("pilot."), 11, "bold" if mine else ""),
        cell(event.outcome, 9, TONES[event.outcome]),
        Content.styled(f"{shown.actor}  {evidence}", "$muted"),
    )
