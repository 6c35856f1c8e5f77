"""How a restore reads."""

from __future__ import annotations

from collections.abc import Iterator

from capctl.text.layout import Block, Facts, Gap, Line, Raw, Tone
from capctl.text.views.backup import content
from engine.recovery import Restored


def restored(result: Restored) -> Iterator[Block]:
    """What stands again, and how to use it."""
    yield Line("restored ✓ every file, policy and record is as it was signed", Tone.GOOD)
    yield Raw(str(result.target))
    yield Gap()
    yield Facts(content(result.opened.manifest))
    yield Gap()
    yield Line("Put the private keys in place, then use it:", Tone.FAINT)
    yield Raw(f"CAPCTL_STATE_DIR={result.target} capctl status")


VIEWS = {"restore.run": restored}
