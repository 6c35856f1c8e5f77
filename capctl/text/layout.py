"""Text for people: aligned, as wide as the terminal where words allow it, the same with and without colour.

A view describes a result as blocks; this module lays them out. Colour only repeats what a word already says.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from engine.errors import printable


class Tone(StrEnum):
    """What a piece of text conveys; the value is its SGR parameter (ECMA-48, 8.3.117)."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    GOOD = "32"
    CAUTION = "33"
    BAD = "1;31"


class Toned(NamedTuple):
    """A cell with a tone of its own."""

    text: str
    tone: Tone


Cell: TypeAlias = str | Toned


class Line(NamedTuple):
    """A sentence."""

    text: str
    tone: Tone = Tone.PLAIN


class Facts(NamedTuple):
    """Labels and values, one pair a row."""

    rows: Sequence[tuple[str, Cell]]


class Table(NamedTuple):
    """Rows under headings; the last column wraps."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Raw(NamedTuple):
    """A line that is shown as it is, however long."""

    text: str


class Gap(NamedTuple):
    """An empty line."""


Block: TypeAlias = Line | Raw | Facts | Table | Gap

GUTTER: Final = 2
MIN_WRAP: Final = 20
"""Narrowest column that is still wrapped, in characters."""


def render(blocks: Iterable[Block], *, width: int | None, color: bool) -> Iterator[str]:
    """Lay blocks out as lines.

    Args:
        blocks: What to show.
        width: Columns of the terminal; None to never wrap, for files and pipes.
        color: Whether to write SGR sequences.
    """
    for block in blocks:
        match block:
            case Line(text, tone):
                for line in _wrap(printable(text), width):
                    yield _paint(line, tone, color)
            case Raw(text):
                yield printable(text)
            case Facts(rows):
                yield from _facts(rows, width, color)
            case Table(columns, rows):
                heads = [Toned(column.upper(), Tone.FAINT) for column in columns]
                yield from _grid([heads, *rows], width, color, numeric=_numeric_columns(rows))
            case _:
                yield ""


def _facts(rows: Sequence[tuple[str, Cell]], width: int | None, color: bool) -> Iterator[str]:
    yield from _grid([[Toned(label, Tone.FAINT), value] for label, value in rows], width, color)


def _numeric_columns(rows: Sequence[Sequence[Cell]]) -> frozenset[int]:
    """The columns, the last apart, that hold nothing but numbers and shares: they are aligned to the right."""
    columns = list(zip(*rows, strict=True))[:-1]
    return frozenset(i for i, column in enumerate(columns) if all(_is_number(_toned(cell).text) for cell in column))


def _is_number(text: str) -> bool:
    return text.removesuffix(" %").replace(",", "").replace(".", "", 1).isdecimal() or text == "-"


def _toned(cell: Cell) -> Toned:
    text, tone = cell if isinstance(cell, Toned) else (cell, Tone.PLAIN)
    return Toned(printable(text), tone)


def _grid(
    rows: Sequence[Sequence[Cell]], width: int | None, color: bool, *, numeric: frozenset[int] = frozenset()
) -> Iterator[str]:
    cells = [[_toned(cell) for cell in row] for row in rows]
    widths = [max(len(row[i].text) for row in cells) for i in range(len(cells[0]))] if cells else []
    indent = sum(widths[:-1]) + GUTTER * len(widths[:-1])
    for row in cells:
        *fixed, last = row
        head = "".join(
            _place(cell, column, color, right=i in numeric) + " " * GUTTER
            for i, (cell, column) in enumerate(zip(fixed, widths, strict=False))
        )
        first, *more = _wrap(last.text, None if width is None else max(width - indent, MIN_WRAP))
        yield (head + _paint(first, last.tone, color)).rstrip()
        yield from (" " * indent + _paint(line, last.tone, color) for line in more)


def _place(cell: Toned, column: int, color: bool, *, right: bool) -> str:
    padding = " " * (column - len(cell.text))
    painted = _paint(cell.text, cell.tone, color)
    return padding + painted if right else painted + padding


def _wrap(text: str, width: int | None) -> list[str]:
    if width is None or len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _paint(text: str, tone: Tone, color: bool) -> str:
    return f"\x1b[{tone.value}m{text}\x1b[0m" if color and tone and text else text
