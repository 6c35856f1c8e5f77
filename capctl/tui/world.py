"""The embedded demonstration behind a console: it comes up after the first picture, and says when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.errors import EngineError

if TYPE_CHECKING:
    from capctl.tui.app import ControlRoom


class World(Protocol):
    """What the console knows of it."""

    @property
    def url(self) -> str:
        """Where its verifiers answer; empty before they do."""
        ...

    def start(self) -> None:
        """Bring its processes up. Blocks until they answer; raises Unavailable where they do not."""
        ...


def bring_up(world: World, room: ControlRoom) -> None:
    """Start the world; blocks, so it is for a thread of its own."""
    try:
        world.start()
    except EngineError as error:
        room.call_from_thread(room.say, error.hint, title=error.message, severity="error", timeout=60)
