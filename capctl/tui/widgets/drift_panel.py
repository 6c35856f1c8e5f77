"""The drift gauges: three windows, the limit, the direction, the noise, and a trace of the last minutes."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, gauge, heading, page, row, severity, trace
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import NOTHING, count, share
from engine.drift.counts import Counts
from engine.drift.sample import WINDOWS

_LABELS: Final = {"5m": "5 min", "15m": "15 min", "60m": "60 min"}
_LABEL_WIDTH: Final = 7
_NUMBER_WIDTH: Final = 8


class DriftPanel(Panel):
    """Share of requests whose verdicts differ, measured over rolling windows."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a row for each window, then direction, noise and the trace with what height is left."""
        limit = state.limits.drift_max_ratio
        preview = state.rollout is None or state.rollout.basis_points == 0
        lines = [heading("Drift", f"limit {share(limit)}"), _titles(size.width, preview=preview)]
        for name in WINDOWS:
            counts = state.snapshot.windows.get(name) if state.snapshot and state.measured else None
            lines.append(_window(name, counts, limit, size.width, preview=preview))
        step = state.snapshot.step if state.snapshot and state.measured else None
        lines += [_directions(step, preview=preview), _noise(step)]
        room = size.height - len(lines) - 1
        rows = 5 if room >= 6 else 1
        if room >= 0:
            if rows > 1:
                lines.append(Content(""))
            label = _LABEL_WIDTH if rows == 1 else 0
            drawn = trace(state.trace, limit, size.width - label, rows)
            lines += [row(Content.styled(cell("trace", label).plain, "$muted"), drawn[0])] if rows == 1 else drawn
        return page(lines)


def _titles(width: int, *, preview: bool) -> Content:
    bar = _bar_width(width)
    first = "preview" if preview else "enforced"
    return row(
        cell("", _LABEL_WIDTH),
        cell(first, _NUMBER_WIDTH, "$muted", right=True),
        " " * (bar + 2),
        cell("all", _NUMBER_WIDTH, "$muted", right=True),
        cell("" if preview else "preview", _NUMBER_WIDTH, "$muted", right=True),
    )


def _window(name: str, counts: Counts | None, limit: float, width: int, *, preview: bool) -> Content:
    shown = _basis(counts, preview=preview)
    tone = "$muted" if shown is None else severity(shown, limit)
    return row(
        cell(_LABELS[name], _LABEL_WIDTH, "$muted"),
        cell(share(shown), _NUMBER_WIDTH, f"bold {tone}", right=True),
        " ",
        gauge(shown, limit, _bar_width(width)),
        " ",
        cell(share(counts.drift_ratio if counts and counts.requests else None), _NUMBER_WIDTH, right=True),
        cell("" if preview else share(_previewed(counts)), _NUMBER_WIDTH, "$muted", right=True),
    )


def _basis(counts: Counts | None, *, preview: bool) -> float | None:
    """The ratio the gauge shows; None where nothing was measured, which is not the same as 0."""
    if counts is None:
        return None
    if preview:
        return _previewed(counts)
    return counts.enforced_drift_ratio if counts.enforced else None


def _previewed(counts: Counts | None) -> float | None:
    return counts.preview_drift_ratio if counts and counts.not_applied else None


def _bar_width(width: int) -> int:
    return max(5, width - _LABEL_WIDTH - 3 * _NUMBER_WIDTH - 2)


def _directions(step: Counts | None, *, preview: bool) -> Content:
    if step is None:
        return row(cell("step", _LABEL_WIDTH, "$muted"), NOTHING)
    over, under, unknown = (
        (step.preview_over_block, step.preview_under_block, step.preview_unknown)
        if preview
        else (step.over_block, step.under_block, step.unknown)
    )
    parts: list[Content | str] = [cell("step", _LABEL_WIDTH, "$muted")]
    for number, word in ((over, "over"), (under, "under"), (unknown, "unknown")):
        parts += [Content.styled(count(number), "bold" if number else ""), Content.styled(f" {word}  ", "$muted")]
    return row(*parts)


def _noise(step: Counts | None) -> Content:
    floor = share(step.aa_floor) if step and step.aa_samples else NOTHING
    looked = f"  of {count(step.aa_samples)} evaluated twice" if step and step.aa_samples else ""
    return row(cell("A/A", _LABEL_WIDTH, "$muted"), floor, Content.styled(looked, "$muted"))
