"""An evening that is killed, wherever it is: whoever goes on finishes it, and nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from engine.audit import verify_chain
from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.cutover.local.target import LocalTarget
from engine.cutover.plan import Evening, Phase, StepState
from engine.cutover.steps import step_ids
from engine.demo import write_rate
from engine.errors import NotFound
from engine.ops.cutover_kept import latest
from engine.settings import Settings

pytestmark = [pytest.mark.crash, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]
STEPS = step_ids(("0", "25", "100"))
RATE_PER_S = 300.0
"""Enough for quick evidence, and little enough for this machine to meet its objective beside it."""
RANDOM_DEATHS = 4
LONGEST_LIFE_S = 12.0
PATIENCE_S = 90.0
TRIES = 4
"""How often a load test is tried that a busy machine fails."""


class Stage:
    """Where an evening is held, with real verifiers, callers and SAP; and whoever is killed there."""

    def __init__(self, folder: Path) -> None:
        self._environ = {**os.environ, "XDG_STATE_HOME": str(folder), "CAPCTL_ACTOR": "oncall"}
        self.state_dir = folder / "capctl" / "demo"
        self.state_dir.mkdir(mode=0o700, parents=True)
        write_rate(self.state_dir, RATE_PER_S)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Let somebody work on it: `run` or `resume` and more."""
        return subprocess.Popen(
            [sys.executable, "-m", "capctl", "cutover", *words, "--headless", "--env", "demo"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=self._environ,
        )

    def go_on(self) -> subprocess.Popen[str]:
        """Begin, or go on where somebody has begun."""
        with self.console() as ctx:
            begun = latest(ctx) is not None
        return self.begin("resume") if begun else self.begin("run", "--target", "local", "--canary-for", "3s")

    def console(self) -> EngineContext:
        """A look from another process."""
        return open_context(replace(Settings(), env="demo", state_dir=self.state_dir), actor="second")

    def forget_holder(self) -> None:
        """Free the lease of a process that is known to be dead, which a person would wait for eight seconds."""
        with self.console() as ctx:
            lease = ctx.store.cutover_lease("demo")
            if lease:
                ctx.store.release_cutover_lease(lease)

    def processes(self) -> list[str]:
        """Command lines that name something of this stage."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.startswith(str(self.state_dir).encode()) for word in words):
                found.append(b" ".join(words).decode())
        return found

    def clear(self) -> None:
        """End what a failed test left deployed."""
        with self.console() as ctx:
            try:
                LocalTarget(ctx.settings, ctx.clock, actor=ctx.actor).stop()
            except NotFound:
                return


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.clear()


def lines(stream: IO[str] | None) -> Iterator[str]:
    """What it says, line by line, until it ends."""
    assert stream is not None
    return (line.strip() for line in stream)


def wait_for(stage: Stage, beginning: str) -> subprocess.Popen[str]:
    """Let somebody go on until they say this; return them at that very moment."""
    told: list[str] = []
    for _ in range(TRIES):
        process = stage.go_on()
        for line in lines(process.stderr):
            told.append(line)
            if line.startswith(beginning):
                return process
        told.append(f"ended with {process.wait()}")
        if not slow_machine(stage):
            break
    raise AssertionError(f"nobody said {beginning!r}: {told}")


def slow_machine(stage: Stage) -> bool:
    """Whether it stopped at the load test: one that misses its objective beside other work is tried again."""
    evening = check_state(stage)
    return evening is not None and evening.step("load").state in (StepState.FAILED, StepState.HELD)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill it where it is, and let nothing of it be left."""
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert process.stderr is not None
    process.stderr.close()


def check_state(stage: Stage) -> Evening | None:
    """What a death left is known: a plan that the trail tells of, at most one step under way, none after it begun."""
    with stage.console() as ctx:
        assert list(verify_chain(ctx.store.audit_lines(), head=ctx.store.audit_head())) == []
        evening = latest(ctx)
        if evening is None:
            return None
        done = [step.state is StepState.DONE for step in evening.steps]
        assert done == sorted(done, reverse=True)
        assert all(step.state is StepState.WAITING for step in evening.steps[sum(done) + 1 :])
        return evening


def check_ended(stage: Stage, deaths: int) -> None:
    """Everything was done, once; and nothing runs any more."""
    evening = check_state(stage)
    assert evening is not None
    assert evening.phase is Phase.DONE, [(step.id, step.state, step.evidence) for step in evening.steps]
    assert sum(step.attempts - 1 for step in evening.steps if step.id != "load") <= deaths
    with stage.console() as ctx:
        changes = [change.action for change in reversed(ctx.store.rollout_history(evening.policy_id, limit=100))]
        assert changes == ["start", "promote", "promote"]
        events = [record.event for record in ctx.store.audit_tail(limit=ctx.store.audit_head().seq)]
        done = [event.action for event in events if event.outcome == "done"]
        assert (done.count("deploy.apply"), done.count("orr.sign"), done.count("rollout.promote")) == (1, 1, 2)
        assert [event.object.partition("/")[2] for event in events if event.action == "cutover.step"].count(
            "begin"
        ) == 1
        assert ctx.store.cutover_lease("demo") is None
        target = LocalTarget(ctx.settings, ctx.clock, actor=ctx.actor)
        assert [entry.number for entry in target.status().history] == [2, 1]
    assert "50/50 written, 0 duplicates, read back and equal" in evening.step("pilot").evidence
    assert (stage.state_dir / "cutover" / f"evening-{evening.id}.html").exists()
    assert stage.processes() == []


def finish(stage: Stage) -> None:
    """Let somebody go on to the end."""
    process = wait_for(stage, "done: signed off by ")
    list(lines(process.stderr))
    assert process.wait(PATIENCE_S) == 0
    assert process.stderr is not None
    process.stderr.close()


def test_an_evening_that_is_killed_before_and_after_every_step_is_finished(stage: Stage) -> None:
    """Once when each step is announced, and once when it is told done; two dozen lives for one evening."""
    boundaries = [word for step in STEPS for word in (f"{step} ...", "done: ")]
    deaths = place = 0
    while place < len(boundaries) - 1:
        kill(wait_for(stage, boundaries[place]))
        deaths += 1
        evening = check_state(stage)
        stage.forget_holder()
        done = sum(step.state is StepState.DONE for step in evening.steps) if evening else 0
        # What was told done is done: whoever goes on begins with the step after it.
        place = max(place + 1, 2 * done)
    assert deaths >= len(STEPS)
    finish(stage)
    check_ended(stage, deaths)


def test_an_evening_that_is_killed_at_random_moments_is_finished(stage: Stage) -> None:
    """Whoever goes on waits until the dead one is silent for long enough, as a person's console does."""
    rng = random.Random(6)
    for _ in range(RANDOM_DEATHS):
        process = stage.go_on()
        assert next(lines(process.stderr), ""), "it ended before it said a word"
        # Real time: the moment of death must not be one that the process has a part in choosing.
        time.sleep(rng.random() * LONGEST_LIFE_S)
        kill(process)
        check_state(stage)
    finish(stage)
    check_ended(stage, RANDOM_DEATHS)
