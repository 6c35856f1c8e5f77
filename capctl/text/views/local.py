"""How the local commands read."""

from __future__ import annotations

from collections.abc import Iterator

from capctl.text.layout import Block, Line
from engine.ops.results.local import LocalShifted, LocalStopped


def shifted(result: LocalShifted) -> Iterator[Block]:
    """Both shares."""
    yield Line(f"canary {result.canary_percent} %, stable {100 - result.canary_percent} %")


def stopped(result: LocalStopped) -> Iterator[Block]:
    """What was ended."""
    yield Line(f"Ended: {', '.join(result.names)}." if result.names else "Nothing ran here.")


VIEWS = {"local.shift": shifted, "local.stop": stopped}
