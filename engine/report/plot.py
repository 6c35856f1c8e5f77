"""Plots as SVG, drawn by hand: a few lines over time, readable in grey and on paper.

The colours are Okabe and Ito's, told apart with every kind of colour vision (Color Universal Design, 2008); series
differ in their stroke as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 200
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 30, 28
TICKS: Final = 4
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one line."""

    name: str
    points: Sequence[tuple[float, float]]
    """Seconds since the beginning, and the value."""
    colour: str = BLUE
    stepped: bool = False
    """Whether a value holds until the next one."""
    dashed: bool = False
    """A limit: a line without points."""
    joined: bool = True
    """Whether there is anything between two points; where each was a look of its own, there is not."""


def draw(title: str, unit: str, series: Sequence[Series], *, length_s: float, top: float) -> str:
    """Draw lines over time.

    Args:
        title: What is shown, for those who cannot see it.
        unit: Of the values, behind each number.
        series: The lines.
        length_s: Where the axis of time ends, in seconds.
        top: Where the axis of values ends.
    """
    frame = _Frame(max(length_s, 1.0), top or 1.0)
    lines = (part for each in series for part in _line(frame, each))
    parts = [*_grid(frame, unit), *lines, *_legend(series)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    length_s: float
    top: float

    def x(self, at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at_s / self.length_s, 0.0), 1.0)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(max(value / self.top, 0.0), 1.0)


def _grid(frame: _Frame, unit: str) -> Iterator[str]:
    for tick in range(TICKS + 1):
        value, at_s = frame.top * tick / TICKS, frame.length_s * tick / TICKS
        y, x = frame.y(value), frame.x(at_s)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" text-anchor="end" x="{LEFT - 6}" y="{y + 4:.1f}">{value:.3g}{escape(unit)}</text>'
        anchor = "start" if tick == 0 else "end" if tick == TICKS else "middle"
        yield f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{HEIGHT - 10}">{_elapsed(at_s)}</text>'


def _line(frame: _Frame, series: Series) -> Iterator[str]:
    points = list(_stepped(series.points, frame.length_s)) if series.stepped else list(series.points)
    dash = ' stroke-dasharray="6 4"' if series.dashed else ""
    if series.joined and len(points) > 1:
        path = " ".join(f"{frame.x(at):.1f},{frame.y(value):.1f}" for at, value in points)
        yield f'<polyline class="series" stroke="{series.colour}"{dash} points="{path}"/>'
    if not series.dashed:
        for at, value in series.points:
            yield f'<circle r="3" fill="{series.colour}" cx="{frame.x(at):.1f}" cy="{frame.y(value):.1f}"/>'


def _stepped(points: Sequence[tuple[float, float]], end_s: float) -> Iterator[tuple[float, float]]:
    last = 0.0
    for at, value in points:
        yield at, last
        yield at, value
        last = value
    yield end_s, last


def _legend(series: Sequence[Series]) -> Iterator[str]:
    x = LEFT + 8.0
    for each in series:
        dash = ' stroke-dasharray="6 4"' if each.dashed else ""
        across = f'x1="{x:.0f}" x2="{x + 22:.0f}" y1="10" y2="10"'
        yield f'<line class="series" stroke="{each.colour}"{dash} {across}/>'
        yield f'<text class="legend" x="{x + 27:.0f}" y="14">{escape(each.name)}</text>'
        x += 45 + 7 * len(each.name)


def _elapsed(seconds: float) -> str:
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    if hours >= 2:
        return f"{hours} h {minutes % 60:02d}"
    return f"{minutes}:{whole % 60:02d} min" if minutes >= 2 else f"{whole} s"
