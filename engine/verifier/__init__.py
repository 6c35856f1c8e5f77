"""The HTTP service: decides requests as the rollout says, measures what comes of it, and shows both.

`serve` runs it in the foreground; `python -m engine.verifier` is the same as a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.verifier.server import serve

__all__ = ["serve"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from engine.verifier.server import serve

    return serve
