"""Whenever a backup or a restore is killed: what was acknowledged is there, and nothing is ever half there."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.demo.seed import furnish
from engine.ids import hash_bytes
from engine.recovery import Trust, create_backup, generate_identity, list_backups, open_backup
from engine.settings import Settings
from engine.trust.custody import open_signer
from engine.trust.keyfile import KeyPurpose

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 500
"""Points at which each of the two is killed."""

FASTEST = 5
"""Runs that are left alone first, to learn how long one takes."""


class Zygote:
    """Runs backups and restores in processes of their own, and kills them.

    Args:
        home: Folder of everything.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        with open_context(replace(Settings(), env="demo", state_dir=home / "state"), actor="oncall") as ctx:
            furnish(ctx)
            signer = open_signer(ctx, KeyPurpose.BACKUP)
            recipient = generate_identity(home / "identity")
            (home / "kept").mkdir()
            self.kept = create_backup(ctx, home / "kept", [recipient], signer)
        self.trust = Trust(kids=frozenset({signer.public_key.kid}))
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.crash.recovery_zygote"),
                *(str(home / "state"), str(home / "identity"), str(self.kept.archive)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def run(self, command: dict[str, str], *, killed_after_s: float | None = None) -> int:
        """How it ended: 0, or -9 where it was killed before its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        timer = threading.Timer(killed_after_s or 60, _kill, [pid])
        timer.start()
        status = int(self._process.stdout.readline())
        timer.cancel()
        timer.join()
        return status

    def duration_s(self, command: dict[str, str], done: Path) -> float:
        """How long one takes that is left alone."""
        taken = []
        for _ in range(FASTEST):
            began = time.monotonic()
            assert self.run(command) == 0
            taken.append(time.monotonic() - began)
            shutil.rmtree(done)
            if "backup" in command:
                done.mkdir()
        return sorted(taken)[FASTEST // 2]

    def close(self) -> None:
        self._process.communicate()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Zygote]:
    made = Zygote(tmp_path)
    yield made
    made.close()


def test_backups_killed_at_500_moments(zygote: Zygote, record_property: Callable[[str, object], None]) -> None:
    """Each backup that was acknowledged is listed and sound; each that is listed as complete is sound."""
    rng, kills, acknowledged = random.Random(11), 0, 0
    folder = zygote.home / "backups"
    folder.mkdir()
    command = {"backup": str(folder)}
    longest = 1.1 * zygote.duration_s(command, folder)
    while kills < KILLS:
        status = zygote.run(command, killed_after_s=rng.uniform(0, longest))
        assert status in (0, -signal.SIGKILL)
        kills += status != 0
        acknowledged += status == 0
        # Only the plain copy's own folder could give something away; it is hidden, private, and swept by the next run.
        complete = [backup for backup in list_backups(folder, zygote.trust) if backup.state == "complete"]
        assert len(complete) >= (status == 0)
        for backup in complete:
            open_backup(folder / backup.name, zygote.trust)
        shutil.rmtree(folder)
        folder.mkdir()
    assert zygote.run(command) == 0
    assert [path.name for path in (zygote.home / "state").glob(".backup.*")] == []
    assert acknowledged > 0
    record_property("tried", f"{kills} kills, {acknowledged} acknowledged")


def test_restores_killed_at_500_moments(zygote: Zygote, record_property: Callable[[str, object], None]) -> None:
    """The target is there whole, or not at all; and it is there when the restore said so."""
    rng, kills, whole = random.Random(12), 0, 0
    target = zygote.home / "place" / "restored"
    target.parent.mkdir()
    command = {"restore": str(target)}
    longest = 1.1 * zygote.duration_s(command, target)
    while kills < KILLS:
        status = zygote.run(command, killed_after_s=rng.uniform(0, longest))
        assert status in (0, -signal.SIGKILL)
        kills += status != 0
        if status == 0:
            assert target.exists()
        if target.exists():
            whole += 1
            for member in zygote.kept.manifest.members:
                assert hash_bytes((target / member.path).read_bytes()) == member.sha3
            shutil.rmtree(target)
    assert zygote.run(command) == 0
    assert [path.name for path in target.parent.iterdir()] == ["restored"]
    assert whole > 0
    record_property("tried", f"{kills} kills, {whole} whole")
