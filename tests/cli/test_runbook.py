"""Runbooks on the command line, also where only the wheel is."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engine.ops.runbook import NAMES
from engine.ops.runbook_shelf import DOCUMENTS

ROOT = Path(__file__).parents[2]


def capctl(*words: str, path: Path = ROOT, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with the packages that lie somewhere."""
    code = f"import sys; sys.path.insert(0, {str(path)!r}); from capctl.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=cwd, timeout=60, check=False
    )


def test_every_runbook_is_offered() -> None:
    """One that is written and not offered would be found by nobody."""
    assert {path.stem.removeprefix("runbook_") for path in DOCUMENTS.glob("runbook_*.md")} == set(NAMES)


def test_the_list_says_when_each_is_for() -> None:
    """A line each, as text and as JSON."""
    listed = capctl("runbook", "--output", "json")
    assert [each["name"] for each in json.loads(listed.stdout)["runbooks"]] == list(NAMES)
    text = capctl("runbook").stdout
    assert "Go back first, understand later." in text
    assert "capctl runbook NAME" in text


def test_one_is_shown_as_it_is_written() -> None:
    """Its Markdown, to read or to pipe."""
    assert capctl("runbook", "rollback").stdout == (DOCUMENTS / "runbook_rollback.md").read_text()


def test_one_that_does_not_exist_is_wrong_usage() -> None:
    """The message names those that do."""
    answer = capctl("runbook", "nothing")
    assert answer.returncode == 2
    assert "cache_flush" in answer.stderr


@pytest.mark.slow
def test_an_installed_wheel_has_them(tmp_path: Path) -> None:
    """Without the checkout around it, `capctl runbook` shows every runbook."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    for name in NAMES:
        shown = capctl("runbook", name, path=tmp_path / "installed", cwd=tmp_path)
        assert shown.stdout == (DOCUMENTS / f"runbook_{name}.md").read_text()
