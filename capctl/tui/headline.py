"""The large answer at the top of a screen: a badge with a word and a glyph, and beside it what to make of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import page, row
from capctl.tui.wording import sentence

BADGE_WIDTH: Final = 20
"""Cells of the badge with the answer."""

LONGEST_SPACED: Final = 8
"""Letters of the longest word that fits the badge with spaces between them."""

TEXT_TONES: Final = {
    "open": "$gate-open",
    "hold": "$gate-hold",
    "closed": "$gate-closed",
    "stale": "$stale",
    "idle": "$foreground",
}

BADGE_TONES: Final = {
    "open": "$ink on $gate-open",
    "hold": "$ink on $gate-hold",
    "closed": "$ink on $gate-closed",
    "stale": "$ink on $stale",
    "idle": "reverse",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """What it says."""

    word: str
    glyph: str
    tone: str
    """`open`, `hold`, `closed`, `stale` or `idle`."""
    title: str
    detail: str


def texts_of(headline: Headline, width: int, *more: Content) -> list[Content]:
    """The title and the detail on at most two lines each, and further lines below them."""
    titles, details = (
        textwrap.wrap(text, max(1, width), max_lines=2, placeholder="…") or [""]
        for text in (headline.title, sentence(headline.detail))
    )
    tone = f"bold {TEXT_TONES[headline.tone]}"
    return [*(Content.styled(title, tone) for title in titles), *map(Content, details), *more]


def draw_headline(headline: Headline, texts: Sequence[Content], size: Size) -> Content:
    """The badge over the whole height, and the lines that fit beside it."""
    width = size.width - BADGE_WIDTH - 2
    shown = [text.truncate(width, ellipsis=True) for text in texts[: size.height]]
    above = (size.height - len(shown)) // 2
    lines = []
    for y in range(size.height):
        text = shown[y - above] if 0 <= y - above < len(shown) else Content("")
        lines.append(row(_badge_line(headline, y, size.height), "  ", text))
    return page(lines)


def _badge_line(headline: Headline, y: int, height: int) -> Content:
    roomy = height >= 5 and len(headline.word) <= LONGEST_SPACED
    word = " ".join(headline.word) if roomy else headline.word
    text = f"{headline.glyph}  {word}" if y == height // 2 else ""
    return Content.styled(text.center(BADGE_WIDTH), f"bold {BADGE_TONES[headline.tone]}")
