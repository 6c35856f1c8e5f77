"""The HTTP service: decides requests as the rollout says, measures what comes of it, and shows both.

`serve` runs it in the foreground, `serve_workers` in several supervised processes; `python -m engine.verifier` is the
former as a process of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.faces import lazy_face

if TYPE_CHECKING:
    from engine.verifier.server import serve
    from engine.verifier.workers import serve_workers

__all__ = ["serve", "serve_workers"]

__getattr__ = lazy_face(__name__, {"serve": "server", "serve_workers": "workers"})
