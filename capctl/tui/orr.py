"""What the ORR screen knows, from the console's state: how items stand, what is being asked, what leads on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, cast

from capctl.tui.activities import Activity, latest
from capctl.tui.state import ConsoleState
from engine.ops.results.orr_look import OrrLook
from engine.readiness.items import Attestation, Item, Severity
from engine.readiness.review import FINDING_LASTS, ItemState, Standing

SCREEN: Final = "orr"
CHECK, ATTEST, WAIVE, SIGN = "orr.check", "orr.attest", "orr.waive", "orr.sign"
CHANGING: Final = (CHECK, ATTEST, WAIVE, SIGN)
"""Each makes a new revision of the review."""


class Mark(NamedTuple):
    """A state as word, glyph and tone."""

    word: str
    glyph: str
    tone: str


STANDINGS: Final[Mapping[Standing, Mark]] = {
    Standing.PASSED: Mark("met", "○", "$gate-open"),
    Standing.ATTESTED: Mark("attested", "○", "$gate-open"),
    Standing.WAIVED: Mark("waived", "!", "$gate-hold"),
    Standing.FAILED: Mark("NOT MET", "■", "$gate-closed"),
    Standing.UNKNOWN: Mark("UNKNOWN", "?", "$stale"),
    Standing.EXPIRED: Mark("EXPIRED", "×", "$gate-closed"),
    Standing.OPEN: Mark("open", "·", "$muted"),
}
ASKING: Final = Mark("asking", "…", "$gate-hold")

FILTERS: Final = ("all", "blocking", "not met", "a person's word")
"""Which items are listed, in the order in which the key goes through them."""


class Row(NamedTuple):
    """A line of the list: an area, or an item of it."""

    area: str
    state: ItemState | None
    """None for the area itself."""

    @property
    def name(self) -> str:
        """What a command calls it: the item's id, or the area."""
        return self.state.item.id if self.state else self.area


class Leading(NamedTuple):
    """What leads on."""

    op_id: str
    items: tuple[str, ...] = ()
    """What it is about; empty: everything."""


def look_of(state: ConsoleState) -> OrrLook | None:
    """The last look at the review; None before the first."""
    return cast("OrrLook | None", state.reading(SCREEN).snapshot)


def under_way(state: ConsoleState) -> Activity | None:
    """The latest change of the review from this console, while it runs."""
    run = latest(state.activities, *CHANGING)
    return run if run and run.is_running else None


def rows_of(look: OrrLook, shown: str) -> tuple[Row, ...]:
    """The lines of the list: each area that has anything to show, and its items.

    Args:
        look: The review.
        shown: One of `FILTERS`.
    """
    rows: list[Row] = []
    for area in look.review.areas:
        items = [Row(area, each) for each in states_in(look, area) if _is_shown(each, shown)]
        rows += [Row(area, None), *items] if items else []
    return tuple(rows)


def states_in(look: OrrLook, area: str) -> tuple[ItemState, ...]:
    """The items of an area."""
    return tuple(each for each in look.review.states if each.item.area == area)


def blocking(look: OrrLook) -> tuple[ItemState, ...]:
    """What keeps anybody from signing, in the checklist's order."""
    return tuple(each for each in look.review.states if each.blocks)


def is_by_person(item: Item) -> bool:
    """Whether it takes a person's word, because no machine can find it out."""
    return isinstance(item.check, Attestation)


def asked_now(state: ConsoleState) -> frozenset[str]:
    """Ids of the items whose probes run at this moment."""
    look, run = look_of(state), under_way(state)
    if look is None or run is None or run.call.op.id != CHECK:
        return frozenset()
    wanted: Sequence[str] = run.call.arguments.get("items") or ()
    items = (each.item for each in look.review.states if not is_by_person(each.item))
    return frozenset(item.id for item in items if not wanted or item.id in wanted or item.area in wanted)


def mark_of(each: ItemState, asked: frozenset[str]) -> Mark:
    """How an item stands, or that it is being asked."""
    return ASKING if each.item.id in asked else STANDINGS[each.standing]


def unasked(look: OrrLook, state: ConsoleState) -> int:
    """How many probes have no answer that still counts."""
    items = (each for each in look.review.states if not is_by_person(each.item))
    return sum(each.finding is None or state.now >= each.finding.at + FINDING_LASTS for each in items)


def next_step(state: ConsoleState) -> Leading | None:
    """What leads on; None while something is under way, where nothing is known, and where the signature holds."""
    look = look_of(state)
    if look is None or under_way(state) or look.review.signature.holds:
        return None
    if unasked(look, state):
        return Leading(CHECK)
    open_items = blocking(look)
    for each in open_items:
        if is_by_person(each.item):
            return Leading(ATTEST, (each.item.id,))
    return Leading(CHECK, tuple(each.item.id for each in open_items)) if open_items else Leading(SIGN)


def refused_signing(state: ConsoleState) -> Activity | None:
    """The last attempt to sign, where it was refused and nothing was done since."""
    run = latest(state.activities, *CHANGING)
    return run if run and run.call.op.id == SIGN and not run.call.dry_run and run.error else None


def unmet_below_high(look: OrrLook) -> int:
    """How many items of lower severity are not met: they are said in what is signed."""
    return sum(not each.standing.is_met and each.item.severity is not Severity.HIGH for each in look.review.states)


def _is_shown(each: ItemState, shown: str) -> bool:
    match shown:
        case "blocking":
            return each.blocks
        case "not met":
            return not each.standing.is_met
        case "a person's word":
            return is_by_person(each.item)
        case _:
            return True
