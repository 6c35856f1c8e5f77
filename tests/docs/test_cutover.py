"""The evening as the documents tell it can be typed as it stands, and comes to what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.bootstrap import load, open_context
from engine.cutover.local.target import LocalTarget
from engine.cutover.plan import Phase
from engine.cutover.steps import kind_of, step_ids
from engine.demo import demo_state_dir
from engine.ops.cutover_kept import latest
from engine.ops.demo_world import demo_world
from tests.docs.blocks import DOCS, commands

DOCUMENT = DOCS / "cutover.md"
COMES_TO = [4, 4, 4, 4, 0, 0, 0, 0]
"""Exit codes, line by line: open, four times, and a go is wanted; written; taken back, twice; intact."""


def test_the_document_tells_every_step_and_what_it_needs_first() -> None:
    text = DOCUMENT.read_text()
    told = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    titles = [kind_of(step).title for step in step_ids(("0", "25", "100"))]
    assert [title for title in told if title in titles] == titles


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A place with a demonstration that runs."""
    state = demo_state_dir(tmp_path / "state")
    ctx = open_context(load({"env": "demo", "state_dir": state}), actor="oncall")
    with demo_world(ctx, state, rate=200):
        yield tmp_path
    ctx.close()


@pytest.mark.slow
def test_what_is_to_be_typed_works(home: Path) -> None:
    (home / "capctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m capctl "$@"\n')
    (home / "capctl").chmod(0o755)
    path = f"{home}:{os.environ['PATH']}"
    environ = {**os.environ, "CAPCTL_STATE_DIR": str(home / "state"), "PATH": path, "CAPCTL_ACTOR": "oncall"}
    typed = list(commands(DOCUMENT, "sh"))
    assert len(typed) == len(COMES_TO)
    for line, code in zip(typed, COMES_TO, strict=True):
        done = subprocess.run(
            ["bash", "-c", line], env=environ, cwd=home, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, (line, done.stdout, done.stderr)
    ctx = open_context(load({"env": "demo", "state_dir": demo_state_dir(home / "state")}), actor="lead")
    with ctx:
        evening = latest(ctx)
        assert evening is not None
        assert evening.phase is Phase.ROLLED_BACK
        assert set(LocalTarget(ctx.settings, ctx.clock, actor="lead").backend_urls()) == {"stable-3"}
