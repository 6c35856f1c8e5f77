"""The launcher: settles what Textual reads once, when it is imported, and then opens the control room."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from capctl.tui.world import World
    from engine.context import EngineContext

CALM_DEFAULTS: Final[Mapping[str, str]] = {
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_FPS": "15",
    "TEXTUAL_SMOOTH_SCROLL": "0",
}
"""Over a network every frame is bytes: nothing moves by itself, and a burst of changes is one redraw."""


def settle_terminal(environ: MutableMapping[str, str]) -> None:
    """Choose calm defaults over SSH, without colours, and on a terminal that can do little; what is set stays.

    Side effects: Changes `environ`. Must run before anything of Textual is imported.
    """
    if is_calm(environ):
        for name, value in CALM_DEFAULTS.items():
            environ.setdefault(name, value)


def is_calm(environ: Mapping[str, str]) -> bool:
    """Whether nothing is to move by itself: over a network, without colours, or where the cursor cannot be moved.

    Source: no-color.org for NO_COLOR (set, and not empty); terminfo's `dumb` and `unknown` terminals.
    """
    is_remote = "SSH_CONNECTION" in environ or "SSH_TTY" in environ
    return is_remote or bool(environ.get("NO_COLOR")) or environ.get("TERM") in ("dumb", "unknown")


def run_tui(ctx: EngineContext, *, demo: World | None = None) -> None:
    """Open the control room and stay until it is left.

    Args:
        ctx: Who looks, at which environment. Every sample and every operation opens a store of its own from it.
        demo: The demonstration world it stands in, if it does.
    """
    import os

    settle_terminal(os.environ)
    from capctl.tui.app import ControlRoom
    from capctl.tui.sampling import sampler

    ControlRoom(ctx, sample=sampler(ctx), world=demo).run(mouse=ctx.settings.mouse)
