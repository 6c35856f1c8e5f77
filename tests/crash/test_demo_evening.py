"""The evening as somebody walks it in `capctl demo`: keys into a real terminal, real processes, and what is left."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from engine.bootstrap import open_context
from engine.context import EngineContext
from engine.cutover.local.target import LocalTarget
from engine.cutover.plan import Evening, Phase, StepState
from engine.demo.rate import read_report
from engine.ops.catalogue import REGISTRY
from engine.ops.cutover_kept import latest
from engine.ops.run import run
from engine.rollout.plan import to_percent
from engine.settings import Settings
from tests.crash.test_demo import _until as until

pytestmark = [pytest.mark.crash, pytest.mark.slow]

REPOSITORY = Path(__file__).parents[2]
COLUMNS, ROWS = 120, 40
PATIENCE_S = 60.0
ASKS_S = 3.0
"""A key that asks something does so at once."""
POLICY = "lksg.v1"


class Terminal:
    """A terminal with `capctl demo` in it, and whoever sits before it; a context manager.

    Args:
        folder: Where the demonstration keeps its state.
        actor: Who sits there.
    """

    def __init__(self, folder: Path, actor: str) -> None:
        environ = {**os.environ, "XDG_STATE_HOME": str(folder), "CAPCTL_ACTOR": actor, "TERM": "xterm-256color"}
        self._keys, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "capctl", "demo", "--rate", "300"],
            stdin=screen,
            stdout=screen,
            stderr=screen,
            cwd=REPOSITORY,
            env=environ,
            start_new_session=True,
        )
        os.close(screen)
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        self.await_words("Activity")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        os.close(self._keys)

    def press(self, key: str) -> None:
        """Press one key."""
        self._seen.clear()
        os.write(self._keys, key.encode())

    def await_words(self, words: str) -> None:
        """Wait until something is drawn."""
        until(lambda: words.encode() in self._seen, within_s=PATIENCE_S)

    def answer(self, key: str, question: str) -> None:
        """Press a key until it asks what it should, and say yes."""
        self.press_until(key, question)
        self.press("y")

    def press_until(self, key: str, words: str) -> None:
        """Press a key until it leads to these words. Pressed too early it says why not, and does nothing."""
        for _ in range(round(PATIENCE_S / ASKS_S)):
            self.press(key)
            with suppress(AssertionError):
                until(lambda: words.encode() in self._seen, within_s=ASKS_S)
                return
        raise AssertionError(f"{key} never led to {words!r}")

    def leave(self) -> None:
        """Quit."""
        self.press("q")
        assert self.process.wait(PATIENCE_S) == 0

    def _read(self) -> None:
        with suppress(OSError):
            while piece := os.read(self._keys, 65_536):
                self._seen.extend(piece)


class Place:
    """Where the demonstration is, looked at from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_dir = folder / "capctl" / "demo"

    def look(self, actor: str = "lead") -> EngineContext:
        """A console of somebody else."""
        return open_context(replace(Settings(), env="demo", state_dir=self.state_dir), actor=actor)

    def evening(self) -> Evening | None:
        """As the registry keeps it."""
        with self.look() as ctx:
            return latest(ctx)

    def stands_at(self, step: str, *states: StepState) -> Callable[[], bool]:
        """Whether a step has come to one of these states."""

        def stands() -> bool:
            evening = self.evening()
            found = evening.step(step) if evening else None
            assert found is None or found.state is not StepState.FAILED, found
            return found is not None and found.state in states

        return stands

    def processes(self) -> list[str]:
        """Command lines that name something of this place."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if any(word.startswith(str(self.state_dir).encode()) for word in words):
                    found.append(b" ".join(words).decode())
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    # Whatever a failed test left would have been noticed; the children end by themselves.
    until(lambda: not made.processes(), within_s=30)


def begin(terminal: Terminal, place: Place) -> None:
    """Open the Cutover screen, begin an evening, and say go to its deployment."""
    until(lambda: (report := read_report(place.state_dir)) is not None and report.answered_per_s > 100, within_s=30)
    terminal.press("7")
    terminal.await_words("begins one")
    terminal.answer("g", "Begin a cutover in demo?")
    until(place.stands_at("orr", StepState.DONE), within_s=PATIENCE_S)
    terminal.answer("g", "no-go in demo?")


def test_an_evening_whose_console_is_killed_is_finished_by_somebody_else(place: Place) -> None:
    """Begun by one, killed in the canary with everything it had started, ended by another from their own console."""
    with Terminal(place.folder, "oncall") as first:
        begin(first, place)
        until(place.stands_at("canary", StepState.RUNNING), within_s=PATIENCE_S)
        first.process.kill()
        first.process.wait()
        until(lambda: not place.processes(), within_s=30)
    with Terminal(place.folder, "second") as other:
        until(lambda: (report := read_report(place.state_dir)) is not None and report.answered_per_s > 100, within_s=30)
        with place.look() as ctx:
            # What was deployed before the death is what answers again.
            assert set(LocalTarget(ctx.settings, ctx.clock, actor="lead").backend_urls()) == {"stable-2", "canary-2"}
        other.press("7")
        other.await_words("CUT OFF")
        other.answer("g", "in demo?")
        for step, before in (("enforce-25", "enforce-0"), ("enforce-100", "load"), ("sign-off", "drills")):
            until(place.stands_at(before, StepState.DONE), within_s=PATIENCE_S)
            other.answer("g", "no-go in demo?")
            until(place.stands_at(step, StepState.RUNNING, StepState.DONE), within_s=PATIENCE_S)
        until(place.stands_at("sign-off", StepState.DONE), within_s=PATIENCE_S)
        other.press_until("w", "record is written")
        other.leave()
    assert place.processes() == []
    evening = place.evening()
    assert evening is not None
    assert evening.phase is Phase.DONE
    assert len({step.actor for step in evening.steps}) == 2
    record = (place.state_dir / "cutover" / f"evening-{evening.id}.html").read_text()
    assert "1:90, canary 10 s for 15 min" in record
    with place.look() as ctx:
        state = ctx.store.rollout(POLICY)
        assert state is not None
        assert to_percent(state.basis_points) == 100
        assert [entry.number for entry in LocalTarget(ctx.settings, ctx.clock, actor="lead").status().history] == [2, 1]


def test_one_key_and_one_confirmation_take_it_back_and_the_release_before_can_be_had_again(place: Place) -> None:
    with Terminal(place.folder, "oncall") as terminal:
        begin(terminal, place)
        until(place.stands_at("canary", StepState.RUNNING), within_s=PATIENCE_S)
        asked_at = time.monotonic()
        terminal.answer("b", "Roll back in demo")
        until(lambda: (evening := place.evening()) is not None and evening.phase is Phase.ROLLED_BACK, within_s=5)
        assert time.monotonic() - asked_at < 5
        with place.look() as ctx:
            back = run(REGISTRY["deploy.rollback"], ctx)
            assert (back.revision, back.from_revision, back.answer) == (3, 2, "yes")
            assert set(LocalTarget(ctx.settings, ctx.clock, actor="lead").backend_urls()) == {"stable-3"}
        terminal.leave()
    assert place.processes() == []


@pytest.mark.parametrize("death", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("is_up", [False, True])
def test_nothing_outlives_a_console_however_and_whenever_it_ends(
    place: Place, death: signal.Signals, is_up: bool
) -> None:
    """Also while it is still bringing its world up."""
    with Terminal(place.folder, "oncall") as terminal:
        until(lambda: read_report(place.state_dir) is not None if is_up else bool(place.processes()), within_s=30)
        terminal.process.send_signal(death)
        terminal.process.wait(PATIENCE_S)
        until(lambda: not place.processes(), within_s=30)
