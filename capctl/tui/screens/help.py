"""Every key and every command, with a filter to type into."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from capctl.tui.bind import ANYWHERE, HelpRow, help_rows
from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.widgets.header import Header
from capctl.tui.widgets.key_bar import KeyBar

_KEYS: Final = 16
"""Cells of the column with the keys."""

MISSED: Final = 3
"""The distance of a row that a word is not in."""

PUNCTUATION: Final = "([<-:'\""
"""What a word may begin with before its first letter."""


class HelpScreen(Screen[None]):
    """Keys first, then commands. Keys work here as everywhere; `/` types into the filter.

    Args:
        note: A sentence above the list.
        place: Title of the screen that it was opened over; its keys come first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "close", "Back", id="help.close"),
        Binding("slash", "filter", "Filter", id="help.filter"),
    ]
    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, note: str = "", *, place: str = "") -> None:
        super().__init__()
        self._note = note
        self._place = place

    def compose(self) -> ComposeResult:
        """Lay out the filter and the list."""
        yield Header()
        yield Input(placeholder="/ filters, Esc goes back", id="filter")
        with VerticalScroll():
            if self._note:
                yield Static(self._note, id="note", markup=False)
            yield Static(id="rows", markup=False)
        yield KeyBar()

    def on_resize(self) -> None:
        """Lay the rows out for the width."""
        self._show(self.query_one(Input).value)

    @on(Input.Changed)
    def filter_rows(self, event: Input.Changed) -> None:
        """Show what matches."""
        self._show(event.value)

    @on(Input.Submitted)
    def leave_filter(self) -> None:
        """Go from the filter to the list."""
        self.query_one(VerticalScroll).focus()

    def action_filter(self) -> None:
        """Type into the filter."""
        self.query_one(Input).focus()

    def action_close(self) -> None:
        """Go back to where help was asked for."""
        self.dismiss()

    def _show(self, wanted: str) -> None:
        rows = found(help_rows(), wanted, self._place)
        width = max(40, self.size.width - 10)
        self.query_one("#rows", Static).update(page(_sections(rows, width)) if rows else "nothing matches")


def found(rows: list[HelpRow], wanted: str, place: str) -> list[HelpRow]:
    """The rows that match, the best match first, and together what works at one place.

    Args:
        rows: Those there are, in their usual order.
        wanted: What was typed; empty: all of them.
        place: Where whoever asks comes from. Of equal matches, its own are the best, then those that work everywhere.
    """
    words = wanted.lower().split()
    ranks = {line: max((_distance(line, word) for word in words), default=0) for line in rows}
    matching = [line for line in rows if ranks[line] < MISSED]
    best = {line.place: min(ranks[other] for other in matching if other.place == line.place) for line in matching}
    nearness = {place: 0, ANYWHERE: 1}
    first = {line.place: index for index, line in reversed(list(enumerate(rows)))}
    return sorted(
        matching,
        key=lambda line: (best[line.place], nearness.get(line.place, 2), first[line.place], ranks[line]),
    )


def _distance(line: HelpRow, word: str) -> int:
    """How far a row is from a word: 0 it is the row's key, 1 a word begins so, 2 it is somewhere in it."""
    if word in line.key.lower().split():
        return 0
    text = f"{line.place} {line.command} {line.summary}".lower()
    if any(part.lstrip(PUNCTUATION).startswith(word) for part in text.split()):
        return 1
    return 2 if word in f"{line.key} {text}".lower() else MISSED


def _sections(rows: list[HelpRow], width: int) -> Iterator[Content]:
    """The rows below the name of the place where they work."""
    for position, (place, lines) in enumerate(groupby(rows, key=attrgetter("place"))):
        if position:
            yield Content("")
        yield heading(place, "", width)
        yield from (_line(line, width) for line in lines)


def _line(line: HelpRow, width: int) -> Content:
    """A row: its key, or its command, at the left; what it does, and how it is typed, wrapped beside it."""
    rows = [(text, "") for text in _wrapped(line.summary, width)]
    if line.command:
        rows += [(text, "$muted") for text in _wrapped(f":{line.command}", width)]
    return page(
        [
            row(cell(line.key if position == 0 else "", _KEYS, "bold $chosen"), Content.styled(text, tone))
            for position, (text, tone) in enumerate(rows)
        ]
    )


def _wrapped(text: str, width: int) -> list[str]:
    # An option is one word: --break-glass is not broken at its hyphen.
    return textwrap.wrap(text, width - _KEYS, break_on_hyphens=False)
