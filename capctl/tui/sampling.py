"""What the poller samples: the same reading operation as `capctl status`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from engine.context import EngineContext
from engine.rollout.snapshot import ControlSnapshot


def sampler(ctx: EngineContext) -> Callable[[], ControlSnapshot]:
    """A function that takes one snapshot, on a store connection of its own.

    The connection is opened by the thread that samples first and stays open; after an error it is opened anew, so that
    a store that comes back is found again.
    """
    own = replace(ctx)

    def sample() -> ControlSnapshot:
        nonlocal own
        from engine.ops.catalogue import REGISTRY
        from engine.ops.run import run

        try:
            return cast(ControlSnapshot, run(REGISTRY["status.show"], own))
        except Exception:
            own = replace(ctx)
            raise

    return sample
