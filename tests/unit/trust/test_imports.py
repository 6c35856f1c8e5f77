"""What importing these rooms costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("cryptography", "joserfc", "httpx", "asyncio")


@pytest.mark.parametrize("room", ["engine.trust", "engine.verifier.auth"])
def test_importing_the_room_loads_nothing_heavy(room: str) -> None:
    """A command that only mentions keys or tokens starts as fast as one that does not."""
    program = f"import sys, {room}; print(*(set(sys.modules) & set({HEAVY!r})))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
