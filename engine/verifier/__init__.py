"""The HTTP service: decides requests as the rollout says, measures what comes of it, and shows both.

`serve` runs it in the foreground, `serve_workers` in several supervised processes; `python -m engine.verifier` is the
former as a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.verifier.server import serve
    from engine.verifier.workers import serve_workers

__all__ = ["serve", "serve_workers"]


def __getattr__(name: str) -> Any:
    if name == "serve":
        from engine.verifier.server import serve

        return serve
    if name == "serve_workers":
        from engine.verifier.workers import serve_workers

        return serve_workers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
