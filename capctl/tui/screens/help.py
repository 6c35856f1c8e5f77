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

from capctl.tui.bind import HelpRow, help_rows
from capctl.tui.drawing import cell, heading, page, row
from capctl.tui.widgets.header import Header
from capctl.tui.widgets.key_bar import KeyBar

_KEYS: Final = 16
"""Cells of the column with the keys."""


class HelpScreen(Screen[None]):
    """Keys first, then commands. Keys work here as everywhere; `/` types into the filter.

    Args:
        note: A sentence above the list.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "close", "Back", id="help.close"),
        Binding("slash", "filter", "Filter", id="help.filter"),
    ]
    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, note: str = "") -> None:
        super().__init__()
        self._note = note

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
        words = wanted.lower().split()
        rows = [line for line in help_rows() if all(word in " ".join(_texts(line)).lower() for word in words)]
        width = max(40, self.size.width - 10)
        self.query_one("#rows", Static).update(page(_sections(rows, width)) if rows else "nothing matches")


def _texts(line: HelpRow) -> tuple[str, str, str, str]:
    return line.place, line.key, line.command, line.summary


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
