"""How runbooks read on a terminal: the list as a table, one as the Markdown that it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capctl.text.layout import Block, Gap, Line, Raw, Table
from capctl.text.views.select import View
from engine.ops.results.runbook import Runbooks


def show(result: Runbooks) -> Iterator[Block]:
    """The one that was asked for, line by line; without one, what each is for."""
    if result.shown:
        yield from map(Raw, result.shown.text.splitlines())
        return
    yield Table(["runbook", "when"], [[each.name, each.lead] for each in result.runbooks])
    yield Gap()
    yield Line("capctl runbook NAME shows one.")


VIEWS: Final[dict[str, View]] = {"runbook.show": show}
