"""Reference sets: sanctions lists and the like, named by their root."""

from typing import TYPE_CHECKING, Annotated

from engine.ops.spec import Arg, Danger, operation

if TYPE_CHECKING:
    from engine.context import EngineContext
    from engine.ops.results.lists import ImportedList, ListOfLists, ShownList


@operation("lists.import", danger=Danger.WRITE)
def import_list(
    ctx: "EngineContext",
    *,
    file: Annotated[
        str, Arg("One member a line, or JSON; - reads stdin.", positional=True, metavar="FILE", suggest="file")
    ],
    name: Annotated[str, Arg("A name for people; the file's name without one.")] = "",
) -> "ImportedList":
    """Import a list under the Merkle root of its members. Importing it again changes nothing but the name."""
    from engine.ops.reference_sets import import_file

    return import_file(ctx, file, name)


@operation("lists.show")
def show(
    ctx: "EngineContext",
    *,
    list_: Annotated[
        str,
        Arg("A list's name, or its root or the beginning of it.", positional=True, metavar="NAME|ROOT", suggest="list"),
    ],
    contains: Annotated[str, Arg("Whether this is a member: exit code 0 yes, 3 no.", metavar="MEMBER")] = "",
) -> "ShownList":
    """Show a list, or whether something is on it."""
    from engine.ops.reference_sets import show_list

    return show_list(ctx, list_, contains)


@operation("lists.list")
def list_lists(ctx: "EngineContext") -> "ListOfLists":
    """List the imported reference sets, and those that are shipped."""
    from engine.ops.reference_sets import list_lists as listed

    return listed(ctx)
