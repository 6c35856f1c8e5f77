"""The part of Markdown in which the runbooks are written, drawn as lines in the colours of the theme.

Headings, paragraphs, lists, tables, fenced blocks; in a text code, bold and links. Whatever else there is stays as it
is written: nothing of a runbook may get lost. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from textual.content import Content

from capctl.tui.drawing import heading, row

NARROWEST: Final = 8
"""Cells into which a text is wrapped at least."""
GUTTER: Final = 2
"""Cells between two columns."""

_INLINE: Final = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<text>[^\]]+)\]\([^)]+\)")
_ITEM: Final = re.compile(r"(?P<indent> *)(?P<mark>[-*]|\d+\.) +(?P<text>.*)")
_RULE: Final = re.compile(r"\|[ :|-]+\|")
_FENCE: Final = "```"


class Drawn(NamedTuple):
    """A document as it is drawn."""

    lines: list[Content]
    sections: list[int]
    """The lines with which sections begin."""


def drawn(text: str, width: int) -> Drawn:
    """Draw a document.

    Args:
        text: Markdown. Its first heading is left out: it is the title of whatever shows the text.
        width: Cells there are; no line is longer.
    """
    _, _, body = text.lstrip().partition("\n") if text.startswith("# ") else ("", "", text)
    found = Drawn([], [])
    for block in _blocks(body.strip().splitlines()):
        if block[0].startswith("#"):
            found.sections.append(len(found.lines))
        found.lines.extend(_drawn_block(block, width))
    return found


def _blocks(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    place = 0
    while place < len(lines):
        end = _end(lines, place)
        yield lines[place:end]
        place = end


def _drawn_block(block: Sequence[str], width: int) -> Iterable[Content]:
    first = block[0]
    if not first.strip():
        return [Content("")]
    if first.lstrip().startswith(_FENCE):
        return _fenced(block, width)
    if first.startswith("#"):
        return [heading(first.lstrip("# "), "", width)]
    return _table(block, width) if first.startswith("|") else _paragraph(block, width)


def _end(lines: Sequence[str], place: int) -> int:
    """Where the block ends that begins at a place."""
    line = lines[place]
    if not line.strip() or line.startswith("#"):
        return place + 1
    if line.lstrip().startswith(_FENCE):
        closing = (end for end in range(place + 1, len(lines)) if lines[end].strip() == _FENCE)
        return next(closing, len(lines) - 1) + 1
    following = range(place + 1, len(lines))
    return next((end for end in following if _begins(lines[end], in_table=line.startswith("|"))), len(lines))


def _begins(line: str, *, in_table: bool) -> bool:
    """Whether a line belongs to the block above it no more."""
    if not line.strip() or line.startswith("#") or line.lstrip().startswith(_FENCE):
        return True
    return not line.startswith("|") if in_table else bool(_ITEM.fullmatch(line)) or line.startswith("|")


def _fenced(block: Sequence[str], width: int) -> Iterator[Content]:
    indent = len(block[0]) - len(block[0].lstrip())
    for line in block[1:-1]:
        # What is to be typed is not broken where it need not be; a long line goes on further in.
        first, *rest = Content.styled(line[indent:], "$chosen").wrap(max(NARROWEST, width - indent - 4))
        yield first.pad_left(indent + 2)
        yield from (part.pad_left(indent + 4) for part in rest)


def _paragraph(block: Sequence[str], width: int) -> Iterator[Content]:
    item = _ITEM.fullmatch(block[0])
    if item is None:
        indent = len(block[0]) - len(block[0].lstrip())
        text = " ".join(line.strip() for line in block)
        yield from (part.pad_left(indent) for part in _inline(text).wrap(max(NARROWEST, width - indent)))
        return
    mark = "·" if item["mark"] in "-*" else item["mark"]
    indent = len(item["indent"]) + len(mark) + 1
    text = " ".join([item["text"], *(line.strip() for line in block[1:])])
    for place, part in enumerate(_inline(text).wrap(max(NARROWEST, width - indent))):
        yield row(Content.styled(f"{mark} ".rjust(indent) if place == 0 else " " * indent, "$muted"), part)


def _table(block: Sequence[str], width: int) -> Iterator[Content]:
    rows = [_cells(line) for line in block if not _RULE.fullmatch(line.strip())]
    columns = list(zip_longest(*rows, fillvalue=Content("")))
    widths = _widths(columns, width)
    for number in range(len(rows)):
        wrapped = [cells[number].wrap(space) or [Content("")] for cells, space in zip(columns, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=Content("")):
            padded = [part.pad_right(space - part.cell_length) for part, space in zip(parts, widths, strict=True)]
            line = Content(" " * GUTTER).join(padded)
            yield line.stylize("$muted") if number == 0 else line


def _cells(line: str) -> list[Content]:
    return [_inline(cell.strip()) for cell in line.strip().strip("|").split("|")]


def _widths(columns: Sequence[Sequence[Content]], width: int) -> list[int]:
    """What each column gets: its longest word, and of what is left an equal part, or less where it needs less."""
    wanted = [max(cell.cell_length for cell in cells) for cells in columns]
    needed = [max(len(word) for cell in cells for word in [*cell.plain.split(), ""]) for cells in columns]
    spare = width - GUTTER * (len(columns) - 1) - sum(needed)
    if spare < 0:
        return [max(1, (width - GUTTER * (len(columns) - 1)) // len(columns))] * len(columns)
    widths = list(needed)
    wishes = sorted(range(len(widths)), key=lambda place: wanted[place] - needed[place])
    for served, place in enumerate(wishes):
        more = min(wanted[place] - needed[place], spare // (len(wishes) - served))
        widths[place] += more
        spare -= more
    return widths


def _inline(text: str) -> Content:
    parts: list[Content] = []
    end = 0
    for found in _INLINE.finditer(text):
        parts.append(Content(text[end : found.start()]))
        if found["bold"]:
            parts.append(_inline(found["bold"]).stylize("bold"))
        elif found["code"]:
            parts.append(Content.styled(found["code"], "$chosen"))
        else:
            parts.append(Content.styled(found["text"], "underline"))
        end = found.end()
    return row(*parts, Content(text[end:]))
