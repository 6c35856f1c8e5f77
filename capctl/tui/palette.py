"""What the palette offers: the screens, the keys of the console and of the screen, and every operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding

from capctl.tui.bind import APP_BINDINGS, offered, spoken
from capctl.tui.screens.index import SCREENS
from engine.ops.catalogue import REGISTRY
from engine.ops.runbook import NAMES

if TYPE_CHECKING:
    from capctl.tui.app import ControlRoom


def system_commands(room: ControlRoom) -> Iterator[SystemCommand]:
    """Every entry of the palette."""
    for op in offered():
        yield SystemCommand(" ".join(op.command), op.summary, partial(room.action_run_operation, op.id))
    for entry in SCREENS:
        yield SystemCommand(f"go to {entry.title}", f"Key {entry.key}", partial(room.action_go_to, entry.name))
    for name in NAMES:
        yield SystemCommand(f"runbook {name}", "Open it over this screen", partial(room.action_runbook, name))
    own = (b for b in room.console_screen.BINDINGS if isinstance(b, Binding) and b.id not in REGISTRY)
    for binding in (*APP_BINDINGS, *own):
        if binding.action != "command_palette":
            yield SystemCommand(binding.description, f"Key {spoken(binding.key)}", _pressing(room, binding))


def _pressing(room: ControlRoom, binding: Binding) -> Callable[[], object]:
    """What happens when the binding's key is pressed on its screen, once the palette has closed."""
    return lambda: room.call_later(room.run_action, binding.action, room.console_screen)
