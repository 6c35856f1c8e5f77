"""The demonstration as one world with the cutover in it: whose rollout it is, and when its processes come up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.context import EngineContext
from engine.cutover.plan import begin, roll_back
from engine.demo import DemoWorld
from engine.demo.seed import POLICY_ID, demo_plan
from engine.errors import Unavailable
from engine.ops.cutover_kept import commit
from engine.ops.demo_world import is_cut_over


class Answers:
    """Serves a demonstration without a process."""

    def __init__(self, error: Exception | None = None) -> None:
        self.told: list[str] = []
        self._error = error

    @property
    def pids(self) -> Mapping[str, int | None]:
        return {"answers": 1}

    def start(self) -> str:
        self.told.append("start")
        if self._error:
            raise self._error
        return "http://127.0.0.1:9"

    def stop(self) -> None:
        self.told.append("stop")


def world(folder: Path, serving: Answers | None = None, **options: object) -> DemoWorld:
    answers = serving or Answers()
    return DemoWorld(folder, actor="oncall", at_once=False, serve=lambda _: answers, **options)  # type: ignore[arg-type]


def revision(ctx: EngineContext) -> int:
    state = ctx.store.rollout(POLICY_ID)
    assert state is not None
    return state.revision


def test_nothing_is_started_before_somebody_looks(tmp_path: Path) -> None:
    """A console paints first; what it is about to show is there already."""
    serving = Answers()
    with world(tmp_path, serving) as entered:
        assert (serving.told, entered.url) == ([], "")
        assert entered.ctx.store.rollout(POLICY_ID) is not None
    assert serving.told == ["stop"]


def test_what_does_not_come_up_is_said_to_whoever_waits(tmp_path: Path) -> None:
    serving = Answers(Unavailable("demo.no_verifier", "it did not start", "look"))
    with world(tmp_path, serving) as entered, pytest.raises(Unavailable):
        entered.start()
    assert serving.told == ["start", "stop"]


def test_a_world_that_has_ended_starts_nothing_any_more(tmp_path: Path) -> None:
    """Whoever quits while it still comes up leaves nothing behind."""
    serving = Answers()
    with world(tmp_path, serving) as entered:
        pass
    entered.start()
    assert "start" not in serving.told


def test_the_rollout_of_a_cutover_that_is_under_way_is_left_alone(tmp_path: Path) -> None:
    """A plan that is another than the demonstration's would be started over, at 0 %, in the middle of an evening."""
    with world(tmp_path) as first:
        ctx = first.ctx
        before, at = revision(ctx), ctx.clock.now()
        evening = begin(
            "1", env="demo", target="local", policy_id=POLICY_ID, percents=("0", "100"), canary_s=1, actor="a", at=at
        )
        kept = commit(ctx, evening, 0, "begin")
        assert is_cut_over(ctx)
    other = demo_plan("0,50,100")
    with world(tmp_path, keeps_rollout=is_cut_over, plan=other) as again:
        assert revision(again.ctx) == before
        commit(again.ctx, roll_back(evening), kept, "rollback")
        assert not is_cut_over(again.ctx)
    with world(tmp_path, keeps_rollout=is_cut_over, plan=other) as after:
        assert revision(after.ctx) > before
