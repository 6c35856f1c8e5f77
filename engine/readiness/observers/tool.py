"""Programs that are asked: helm for the chart, kubectl for the cluster. They are asked to show, never to change."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from engine.errors import Unavailable

TIMEOUT_S: Final = 30.0


def ask_tool(argv: Sequence[str]) -> bytes:
    """The standard output of a program.

    Raises:
        Unavailable: It is not installed, does not end in time, or says no.
    """
    program = argv[0]
    if shutil.which(program) is None:
        raise Unavailable(
            "orr.no_tool", f"{program} is not installed", f"Install {program}, or ask from a machine with it."
        )
    try:
        done = subprocess.run(  # noqa: S603 - programs and arguments are ours
            argv, capture_output=True, check=False, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(
            "orr.tool_slow", f"{program} does not answer", "Check that the cluster is reachable."
        ) from None
    if done.returncode != 0:
        # Its own words may hold addresses and paths; the operator sees them by running the command.
        raise Unavailable(
            "orr.tool_failed", f"{program} exits with {done.returncode}", f"Run: {' '.join(argv[:4])} ..."
        )
    return done.stdout
