"""How the commands about reference sets read."""

from __future__ import annotations

from collections.abc import Iterator

from capctl.text.layout import Block, Facts, Line, Table, Tone
from capctl.text.views.words import moment, short
from engine.ops.results.lists import ImportedList, ListOfLists, ShownList

SHIPPED = "shipped, not imported"


def imported(result: ImportedList) -> Iterator[Block]:
    """What stands imported now; the whole root, because contexts need it."""
    entry = result.entry
    yield Facts(
        [
            ("list", entry.name),
            ("root", entry.root),
            ("size", f"{entry.count:,}"),
        ]
    )
    if result.duplicates:
        yield Line(f"{result.duplicates:,} of its entries repeated another.")


def listed(result: ListOfLists) -> Iterator[Block]:
    """One set a row."""
    rows = [
        [entry.name, f"{entry.count:,}", short(entry.root), moment(entry.imported_at) if entry.imported_at else SHIPPED]
        for entry in result.lists
    ]
    yield Table(["list", "members", "root", "imported"], rows)


def shown(result: ShownList) -> Iterator[Block]:
    """The set, and the answer where something was asked."""
    if result.is_member is not None:
        yield Line("It is on the list." if result.is_member else "It is not on the list.", Tone.STRONG)
    entry = result.entry
    since = moment(entry.imported_at) if entry.imported_at else SHIPPED
    yield Facts([("list", entry.name), ("root", entry.root), ("size", f"{entry.count:,}"), ("since", since)])


VIEWS = {"lists.import": imported, "lists.list": listed, "lists.show": shown}
