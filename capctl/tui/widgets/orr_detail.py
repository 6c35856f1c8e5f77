"""Everything about the chosen item, or area; in a large terminal also what was signed."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size

from capctl.tui.drawing import heading, page
from capctl.tui.orr import Row, look_of, states_in
from capctl.tui.orr_words import binding, details, signed
from capctl.tui.state import ConsoleState
from capctl.tui.widgets.cutover_detail import labelled
from capctl.tui.widgets.orr_items import OrrItems
from capctl.tui.widgets.panel import Panel
from engine.ops.results.orr_look import OrrLook


class OrrDetail(Panel):
    """The chosen item: how it stands, what was found or shown, how it is found out and why it matters."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw what fits; Enter shows the rest."""
        look, chosen = look_of(state), self.screen.query_one(OrrItems).chosen(state)
        if look is None or chosen is None:
            return heading("Item", "", size.width)
        told = _about_area(chosen, look) if chosen.state is None else details(chosen.state, look, state, self.room.zone)
        lines = [line for label, text in told for line in labelled(label, text, size.width)]
        title = chosen.state.item.title if chosen.state else look.review.areas[chosen.area]
        more = "area" if chosen.state is None else "Enter shows all" if len(lines) >= size.height else ""
        return page([heading(title, more, size.width), *lines][: size.height])


class OrrSignature(Panel):
    """What was signed and what has changed since; where nobody has, what a signature would bind."""

    def picture(self, state: ConsoleState, size: Size) -> Content:
        """Draw it."""
        look = look_of(state)
        if look is None:
            return heading("Signature", "", size.width)
        told = list(signed(look, state, self.room.zone)) if look.is_signed else binding(look)
        note = "what it binds; v checks it" if look.is_signed else "none yet; it would bind"
        lines = [line for label, text in told for line in labelled(label, text, size.width)]
        return page([heading("Signature", note, size.width), *lines][: size.height])


def _about_area(chosen: Row, look: OrrLook) -> list[tuple[str, str]]:
    states = states_in(look, chosen.area)
    unmet = [each.item.id for each in states if not each.standing.is_met]
    return [
        ("items", f"{len(states)}, {len(states) - len(unmet)} of them met; o asks the probes of all of them"),
        ("not met", ", ".join(unmet) or "none"),
    ]
