"""The drift gauges: three windows, the limit, the direction, the noise, and a trace of the last minutes."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import cell, gauge, heading, page, row, severity, trace
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.panel import Panel
from capctl.tui.wording import NOTHING, count, duration, hundredths, share
from engine.drift.counts import Counts
from engine.drift.sample import WINDOWS

_WINDOW_LABELS: Final = {"5m": "5 min", "15m": "15 min", "60m": "60 min"}
_LABEL: Final = 7
_NUMBER: Final = 6
_NARROW: Final = 34
"""Below this width only the gauge is shown, without the columns beside it."""
_ROOMY_ROWS: Final = 5
"""With so many rows to spare the trace gets several, and its limit a line."""


class DriftPanel(Panel):
    """Share of requests whose verdicts differ, measured over rolling windows; numbers in percent."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw a row for each window, then direction and noise, then the trace with what height is left."""
        limit, width = state.limits.drift_max_ratio, size.width
        preview = state.rollout is None or state.rollout.basis_points == 0
        lines = [heading("Drift", f"in %, limit {hundredths(limit)}", width), _titles(width, preview=preview)]
        for name in WINDOWS:
            counts = state.snapshot.windows.get(name) if state.snapshot and state.measured else None
            lines.append(_window(name, counts, limit, width, preview=preview))
        step = state.snapshot.step if state.snapshot and state.measured else None
        lines += [_directions(step, preview=preview), _noise(step)]
        return page([*lines, *_trace(state, limit, width, size.height - len(lines))])


def _titles(width: int, *, preview: bool) -> Content:
    first = "preview" if preview else "enforced"
    if width < _NARROW:
        return row(cell("", _LABEL), Content.styled(first, "$muted"))
    return row(
        cell("", _LABEL),
        Content.styled(first.ljust(_NUMBER + 2 + _bar_width(width)), "$muted"),
        cell("all", _NUMBER, "$muted", right=True),
        cell("" if preview else "preview", _NUMBER + 2, "$muted", right=True),
    )


def _window(name: str, counts: Counts | None, limit: float, width: int, *, preview: bool) -> Content:
    shown = _basis(counts, preview=preview)
    tone = "$muted" if shown is None else severity(shown, limit)
    measured = row(
        cell(_WINDOW_LABELS[name], _LABEL, "$muted"),
        cell(hundredths(shown), _NUMBER, f"bold {tone}", right=True),
        " ",
        gauge(shown, limit, _bar_width(width)),
    )
    if width < _NARROW:
        return measured
    return row(
        measured,
        " ",
        cell(hundredths(counts.drift_ratio if counts and counts.requests else None), _NUMBER, right=True),
        cell("" if preview else hundredths(_previewed(counts)), _NUMBER + 2, "$muted", right=True),
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
    beside = _LABEL + _NUMBER + 1 if width < _NARROW else _LABEL + 3 * _NUMBER + 4
    return max(3, width - beside)


def _directions(step: Counts | None, *, preview: bool) -> Content:
    if step is None:
        return row(cell("step", _LABEL, "$muted"), Content.styled(NOTHING, "$muted"))
    numbers = (
        (step.preview_over_block, step.preview_under_block, step.preview_unknown)
        if preview
        else (step.over_block, step.under_block, step.unknown)
    )
    parts: list[Content | str] = [cell("step", _LABEL, "$muted")]
    for number, word in zip(numbers, ("over", "under", "unknown"), strict=True):
        parts += [Content.styled(count(number), "bold" if number else ""), Content.styled(f" {word}  ", "$muted")]
    return row(*parts)


def _noise(step: Counts | None) -> Content:
    samples = step.aa_samples if step else 0
    floor = share(step.aa_floor) if step and samples else NOTHING
    of = f" noise floor, {count(samples)} {'check' if samples == 1 else 'checks'}" if samples else " noise floor"
    return row(cell("A/A", _LABEL, "$muted"), floor, Content.styled(of, "$muted"))


def _trace(state: ConsoleState, limit: float, width: int, room: int) -> list[Content]:
    """The trace, in one row or, where there is room, as a chart under a title that says how far back it goes."""
    if room < 1:
        return []
    values = state.trace if state.measured else ()
    if room < _ROOMY_ROWS:
        return [row(cell("trace", _LABEL, "$muted"), *trace(values, limit, width - _LABEL))]
    rows = min(8, (room - 1) // 2 * 2)
    span = duration(min(width, len(values)) * state.interval_s)
    return [
        Content.styled(f"last {span}, limit dashed", "$muted"),
        *trace(values, limit, width, rows),
    ]
