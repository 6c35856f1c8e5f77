"""A disk that takes no more: the kernel itself refuses every write beyond a size, and the command says so."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

pytestmark = pytest.mark.crash

STEP_BYTES = 2_048
"""Half a page of SQLite's: each page of the file and of its log is once the first that does not fit."""


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Have the kernel refuse this process every write beyond `size` bytes (setrlimit(2), EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def check_told(err: str, folder: Path) -> None:
    """One line of what happened, one of what to do, and nothing of this machine."""
    said, hint = err.splitlines()
    assert said.startswith("capctl: ")
    assert hint.startswith("hint: ")
    assert str(folder) not in err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("policy", "publish", "lksg.v1-drift"),
        ("lists", "import", "watched.txt"),
        ("keys", "rotate", "prepare", "--purpose", "registry"),
        ("rollout", "pause"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_is_done_or_says_why_not(
    started: Cli,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Whatever was refused, the trail is sound afterwards and the same command succeeds."""
    monkeypatch.chdir(tmp_path)
    Path("watched.txt").write_text("".join(f"sha3-256:{number:064x}\n" for number in range(500)))
    [template] = Path(os.environ["XDG_STATE_HOME"]).rglob("capctl.sqlite")
    largest = template.stat().st_size + 100 * STEP_BYTES
    answers = []
    for size in range(0, largest, STEP_BYTES):
        state = tmp_path / "state"
        shutil.copytree(template.parent, state)
        monkeypatch.setenv("CAPCTL_STATE_DIR", str(state))
        with no_file_longer_than(size):
            outcome = started(*words, "--yes", "--output", "json")
        answers.append(outcome.code)
        if outcome.code != 0:
            check_told(outcome.err, tmp_path)
            assert outcome.data["error"]["message"] in outcome.err
            assert started(*words, "--yes").code == 0
        assert started("audit", "verify").code == 0
        shutil.rmtree(state)
    assert set(answers) == {0, 5}
    assert answers[-1] == 0
    record_property("tried", f"{len(answers)} sizes")


def test_the_program_survives_the_signal_of_a_file_that_is_too_large(tmp_path: Path) -> None:
    """`ulimit -f` sends SIGXFSZ, which ends a program that does not expect it."""
    state = tmp_path / "state"
    command = f'ulimit -f 0; exec "{sys.executable}" -m capctl policy publish lksg.v1'
    environ = {**os.environ, "CAPCTL_STATE_DIR": str(state)}
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environ, check=False)
    assert (done.returncode, done.stdout) == (5, "")
    check_told(done.stderr, tmp_path)
