"""Whenever the process dies, also between a record and its checkpoint: the trail verifies, and signing goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.audit import read_checkpoint
from engine.audit.verification import verify_trail
from engine.trust.checkpoint_file import CheckpointFile
from engine.trust.checkpointing import make_checkpoint
from engine.trust.notes import open_note
from tests.crash.checkpoint_writer import KEY, open_store

pytestmark = pytest.mark.crash


def kill_at_random(folder: Path, rng: random.Random) -> int:
    """Let a writer work, kill it at a random moment, and return the last record it was promised."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.checkpoint_writer", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(1 + rng.randrange(9))]
    # Real time: the moment of death must not be one that the writer has a part in choosing.
    time.sleep(rng.random() * 0.01)
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    return int((acknowledged + rest[: rest.rfind("\n") + 1].splitlines())[-1])


def check_story(folder: Path, promised: int) -> None:
    """Nothing that was promised or signed is lost, and what comes next is a continuation."""
    store, file = open_store(folder), CheckpointFile(folder / "kept")
    try:
        kept, keys = file.read(), file.keys()
        assert kept.remainder == ""
        signed = [read_checkpoint(open_note(note, keys)) for note in kept.notes]
        state = store.audit_state()
        report = verify_trail(store.audit_lines(), head=state.head, tree=state.tree, checkpoints=signed)
        assert report.breaks == ()
        assert report.size >= promised
        assert report.covered == max((one.size for one in signed), default=0)
        note = make_checkpoint(store, file, lambda: KEY)
        assert note is not None
        assert read_checkpoint(open_note(note, file.keys())).size == report.size
    finally:
        store.close()


@pytest.mark.parametrize("deaths", [8, pytest.param(500, marks=pytest.mark.slow)])
def test_nothing_is_lost_between_a_record_and_its_checkpoint(tmp_path: Path, deaths: int) -> None:
    rng = random.Random(20261123)
    for _ in range(deaths):
        check_story(tmp_path, kill_at_random(tmp_path, rng))
