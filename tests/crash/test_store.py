"""Whatever moment a process dies at, what it was promised is there, and state and audit trail tell the same story."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from engine.audit import verify_chain
from engine.clock import ManualClock
from engine.registry import SqliteStore
from tests.crash.store_writer import POLICY, change_something

pytestmark = pytest.mark.crash

LIVES_OF_A_STORE = 10
"""A store is killed this often before a new one is begun, so that recovery is tried on old stores and on young."""


def start_writer(path: Path, seed: int, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash.store_writer", str(path), str(seed), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def kill_at_random(path: Path, rng: random.Random) -> list[str]:
    """Let a writer work, kill it at a random moment, and return what it was promised before."""
    writer = start_writer(path, rng.getrandbits(32))
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(rng.randrange(15))]
    # Real time: the moment of death must not be one that the writer has a part in choosing.
    time.sleep(rng.random() * (0.004 if acknowledged else 0.3))
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    whole_lines = rest[: rest.rfind("\n") + 1].splitlines()
    return [line.strip() for line in acknowledged] + whole_lines


def check_story(path: Path, acknowledged: list[str]) -> int:
    """Check that nothing acknowledged is lost and that everything stored is audited; returns the chain's length."""
    store = SqliteStore(path, ManualClock())
    try:
        assert list(verify_chain(store.audit_lines(), head=store.audit_head())) == []
        head = store.audit_head().seq
        events = [record.event for record in store.audit_tail(limit=head)]
        audited = Counter(event.action for event in events)

        history = store.rollout_history(POLICY, limit=10**6)
        revisions = [change.state.revision for change in history]
        assert revisions == list(range(len(history), 0, -1))
        assert [event.revision for event in events if event.action == "rollout.set"] == revisions
        assert store.rollout(POLICY) == (history[0].state if history else None)

        published = {entry.policy_id for entry in store.policies()}
        assert audited["policy.publish"] == len(published)
        assert all(store.policy(policy_id).policy_id == policy_id for policy_id in published)
        imported = {entry.root for entry in store.reference_sets()}
        # The empty list has one root, whichever name it is imported under.
        assert audited["lists.import"] >= len(imported)
        assert all(len(store.reference_set(entry.root)) == entry.count for entry in store.reference_sets())

        there = {
            "rollout": lambda revision: int(revision) <= len(history),
            "policy": lambda policy_id: policy_id in published,
            "list": lambda root: root in imported,
            "audit": lambda seq: int(seq) <= head,
        }
        lost = [line for line in acknowledged if not there[line.split()[0]](line.split()[1])]
        assert lost == []
        return head
    finally:
        store.close()


def survive(folder: Path, *, deaths: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: list[str] = []
    path = folder / "0" / "store"
    for death in range(deaths):
        if death % LIVES_OF_A_STORE == 0:
            path, acknowledged = folder / str(death) / "store", []
        acknowledged += kill_at_random(path, rng)
        check_story(path, acknowledged)
    assert acknowledged, "no writer got anywhere before it was killed"


def test_nothing_acknowledged_is_lost_when_a_writer_is_killed(tmp_path: Path) -> None:
    """Twenty random moments, for every run of the suite."""
    survive(tmp_path, deaths=20, seed=20)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_a_writer_is_killed_two_hundred_times(tmp_path: Path) -> None:
    """Two hundred more."""
    survive(tmp_path, deaths=200, seed=200)


def test_two_writers_at_once_lose_no_update(tmp_path: Path) -> None:
    """Each change is based on the one before, whoever made it."""
    path = tmp_path / "store"
    writers = [start_writer(path, seed, "60") for seed in (1, 2)]
    acknowledged = [line for writer in writers for line in writer.communicate()[0].splitlines()]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(int(line.split()[1]) for line in acknowledged) == list(range(1, 121))
    assert check_story(path, acknowledged) == 120


def test_a_killed_writer_does_not_stop_the_other(tmp_path: Path) -> None:
    """The lock of a dead process is nobody's."""
    path = tmp_path / "store"
    survivor = start_writer(path, 1, "60")
    acknowledged = kill_at_random(path, random.Random(5))
    acknowledged += survivor.communicate()[0].splitlines()
    assert survivor.returncode == 0
    check_story(path, acknowledged)


def test_a_log_cut_short_at_any_byte_recovers_to_a_moment_that_was(tmp_path: Path) -> None:
    """What a machine that loses power leaves: the file, and a part of the write-ahead log."""
    rng = random.Random(7)
    path = tmp_path / "store"
    store = SqliteStore(path, ManualClock())
    acknowledged = [change_something(store, rng) for _ in range(25)]
    log = (tmp_path / "store-wal").read_bytes()
    cuts = [*sorted(rng.sample(range(len(log)), 30)), len(log)]
    lengths = []
    for cut in cuts:
        copy = tmp_path / f"cut-{cut}"
        copy.mkdir()
        shutil.copy2(path, copy / "store")
        (copy / "store-wal").write_bytes(log[:cut])
        lengths.append(check_story(copy / "store", []))
    store.close()
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]
    check_story(tmp_path / f"cut-{cuts[-1]}" / "store", acknowledged)
