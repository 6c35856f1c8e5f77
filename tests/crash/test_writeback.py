"""Whenever the pilot is killed, starting it again ends with every row in SAP once, and no write repeated unseen."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.audit import verify_chain
from engine.clock import SystemClock
from engine.registry import SqliteStore
from engine.sap.simulator import SimulatorServer
from engine.settings import Settings
from tests.contract.sap.proxy import FaultProxy, Seen, blind_repeats
from tests.contract.sap.servers import TODAY

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 100
REQUESTS = 30
"""A run of fifty rows in batches of five makes about so many."""


class Pilot:
    """The command line in a process of its own, which is killed at its n-th request.

    Args:
        state: Folder of everything it keeps.
        rng: Says whether the request it dies of still reaches the server.
    """

    def __init__(self, state: Path, rng: random.Random) -> None:
        self._output = state / "output"
        self._rng = rng
        self._pid = 0
        self._left = 0
        self._aimed = threading.Event()
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.pilot_zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "XDG_STATE_HOME": str(state)},
        )

    def run(self, *words: str, dies_at: int = 0) -> tuple[int, str]:
        """Run a command; how it ended, and what it said."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._aimed.clear()
        self._zygote.stdin.write(json.dumps({"words": words, "output": str(self._output)}) + "\n")
        self._zygote.stdin.flush()
        self._pid, self._left = int(self._zygote.stdout.readline()), dies_at
        self._aimed.set()
        code = int(self._zygote.stdout.readline())
        return code, self._output.read_text()

    def plan(self, _: Seen) -> str:
        """What the proxy does to a request."""
        self._aimed.wait(10)
        self._left -= 1
        if self._left != 0:
            return ""
        os.kill(self._pid, signal.SIGKILL)
        return self._rng.choice(["lost_before", "lost_after"])

    def close(self) -> None:
        self._zygote.communicate()


@pytest.fixture
def pilot(tmp_path: Path) -> Iterator[Pilot]:
    made = Pilot(tmp_path, random.Random(5))
    yield made
    made.close()


def test_killed_at_a_hundred_moments_and_started_again(pilot: Pilot, tmp_path: Path) -> None:
    """SIGKILL at random requests of pull, verification and write-back; resumed until the proof is printed."""
    rng, kills, runs = random.Random(7), 0, 0
    assert pilot.run("policy", "publish", "lksg.v1")[0] == 0
    with (
        SimulatorServer(tmp_path / "sap.sqlite", today=TODAY) as sap,
        FaultProxy(sap.url, pilot.plan) as proxy,
    ):
        while kills < KILLS:
            runs += 1
            command = ("pilot", "run", "--odata", proxy.url, "--client", "100", "--idempotency", f"RUN_{runs}")
            code = 1
            while code != 0:
                code, said = pilot.run(
                    *command, "--batch-size", "5", "--portion", "20", dies_at=rng.randint(1, REQUESTS)
                )
                assert code in (0, -signal.SIGKILL), said
                kills += code != 0
            assert "50/50 written, 0 duplicates, read back and equal" in said
            rows = [row["SupplierId"] for row in sap.status_rows() if row["RunId"] == f"RUN_{runs}"]
            assert len(set(rows)) == len(rows) == 50
            assert blind_repeats(proxy.seen) == []
            proxy.seen.clear()
    store = SqliteStore(Settings(state_dir=tmp_path / "capctl").store_path, SystemClock())
    try:
        assert list(verify_chain(store.audit_lines(), head=store.audit_head())) == []
    finally:
        store.close()
