"""Reference sets: imported from files, found by name or root."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from engine.errors import InvalidInput, NotFound
from engine.ops.results.lists import ImportedList, ListedSet, ListOfLists, ShownList

if TYPE_CHECKING:
    from engine.context import EngineContext

SHORTEST_ROOT: Final = len("sha3-256:") + 6
"""Fewest characters by which a root may be named."""


def import_file(ctx: EngineContext, path: str, name: str) -> ImportedList:
    """Import a list under its root.

    Raises:
        InvalidInput: It is no list, or it has no name and none can be taken from the file.
        Unavailable: It cannot be read.
    """
    from engine.audit import AuditEvent
    from engine.context import Progress
    from engine.ops.files import STDIN, read_bytes
    from engine.policy import parse_reference_list
    from engine.policy.reference import MAX_LIST_BYTES

    if not name and path == STDIN:
        raise InvalidInput("lists.no_name", "A list from stdin has no name", "Give it one with --name.")
    ctx.emit(Progress("reading", 0))
    parsed = parse_reference_list(read_bytes(path, what="list", limit=MAX_LIST_BYTES), what=f"The list {path!r}")
    ctx.emit(Progress("storing", 0, parsed.count))
    actor = ctx.store.pseudonym(ctx.actor)
    event = AuditEvent("lists.import", "done", actor, object=parsed.root)
    label = name or os.path.splitext(os.path.basename(path))[0]  # noqa: PTH119, PTH122 - pathlib is dear at start-up
    entry = ctx.store.import_set(label, parsed.members, at=ctx.clock.now(), audit=event)
    return ImportedList(entry, parsed.duplicates)


def list_lists(ctx: EngineContext) -> ListOfLists:
    """Every imported set, then the shipped ones that are not imported."""
    imported = [ListedSet(e.root, e.name, e.count, e.imported_at) for e in ctx.store.reference_sets()]
    roots = {entry.root for entry in imported}
    return ListOfLists((*imported, *(entry for entry in _shipped() if entry.root not in roots)))


def show_list(ctx: EngineContext, name: str, contains: str) -> ShownList:
    """A set by its name, its root or the beginning of its root; and whether something is on it.

    Raises:
        NotFound: No set is called that.
        InvalidInput: Several are.
    """
    known = list_lists(ctx).lists
    found = {entry.root: entry for entry in known if name in (entry.name, entry.root)}
    if not found and len(name) >= SHORTEST_ROOT:
        found = {entry.root: entry for entry in known if entry.root.startswith(name)}
    if not found:
        raise NotFound("lists.not_found", f"There is no list {name[:80]!r}", "'capctl lists list' shows them all.")
    if len(found) > 1:
        hint = "Name it by its root: 'capctl lists list' shows them."
        raise InvalidInput("lists.ambiguous", f"{len(found)} lists are called {name[:80]!r}", hint)
    [entry] = found.values()
    member = contains in ctx.catalog.reference_sets()[entry.root] if contains else None
    return ShownList(entry, member)


def _shipped() -> Iterator[ListedSet]:
    from engine.policies import shipped_lists
    from engine.policy import parse_reference_list

    for name, data in shipped_lists().items():
        parsed = parse_reference_list(data)
        yield ListedSet(parsed.root, name, parsed.count, None)
