"""Streams that take nothing: the exit code still answers, and no traceback appears."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")


def _shell(command: str, *, redirect: str) -> subprocess.CompletedProcess[str]:
    line = f"exec '{sys.executable}' -m capctl {command} {redirect}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("command", ["--version", "--help", "status --help", "status", "status --output json"])
def test_a_full_disk_behind_stdout_is_told_in_two_lines(command: str) -> None:
    """`capctl status > file` on a full disk must not look like an answer."""
    done = _shell(command, redirect="> /dev/full")
    assert done.returncode == 5
    what, hint = done.stderr.splitlines()
    assert "cannot be written to stdout: no space left" in what
    assert hint.startswith("hint: ")


@pytest.mark.parametrize(
    ("command", "code"), [("--version", 0), ("--help", 0), ("status", 0), ("gate check", 4), ("nope", 2)]
)
@pytest.mark.parametrize("redirect", [">&-", "2>&-", "2> /dev/full", "<&-", "<&- >&- 2>&-"])
def test_a_stream_nobody_wants_leaves_the_exit_code_alone(command: str, code: int, redirect: str) -> None:
    """A daemon without stdout, a cron job without stderr: the answer is the exit code."""
    done = _shell(command, redirect=redirect)
    assert (done.returncode, "Traceback" in done.stderr + done.stdout) == (code, False)


def test_a_document_for_a_full_stdout_is_told_too() -> None:
    """`-o -` writes bytes past the text layer."""
    done = _shell("policy show lksg.v1 -o -", redirect="> /dev/full")
    assert done.returncode == 5
    assert "no space left" in done.stderr
