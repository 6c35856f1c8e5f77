"""How the record of a cutover reads on a terminal: as the Markdown that it is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Raw
from capctl.text.views.select import View
from engine.ops.results.report import Report
from engine.report.markdown import to_markdown


def show(result: Report) -> Iterator[Block]:
    """The facts without plots, line by line."""
    yield from map(Raw, to_markdown(result.record).decode().splitlines())


VIEWS: Final[dict[str, View]] = {"report.write": show}
