"""Going back from anywhere in an evening: at once, whoever drives, whatever hangs, and however broken the plan is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine.context import EngineContext
from engine.cutover.plan import Phase, StepState
from engine.errors import NotFound, Unavailable
from engine.ops.catalogue import REGISTRY
from engine.ops.cutover_kept import latest
from engine.ops.cutover_lease import held_lease
from engine.ops.cutover_steps import Outcome, Work
from engine.ops.results.cutover import CutoverShown
from engine.ops.run import run
from engine.rollout.state import Phase as RolloutPhase
from tests.unit.cutover.evening_world import ENV, POLICY, STEPS, EveningWorld, ends, good

LIMIT_S = 1.0
"""Within this much real time nothing is enforced any more."""


@pytest.fixture
def deaf_url() -> Iterator[str]:
    """A server that takes connections and never answers, as one behind a broken network does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def enforce(ctx: EngineContext) -> None:
    """Enforce a quarter without waiting for evidence."""
    run(REGISTRY["rollout.start"], ctx, policy=POLICY)
    run(REGISTRY["rollout.promote"], ctx, policy=POLICY, reason="test", break_glass=True)


def rolled_back(ctx: EngineContext) -> bool:
    """Whether nothing is enforced, and that is so because somebody went back."""
    state = ctx.store.rollout(POLICY)
    return state is not None and (state.phase, state.basis_points) == (RolloutPhase.ROLLED_BACK, 0)


@pytest.mark.parametrize("operation", ["cutover.rollback", "rollout.rollback"])
@pytest.mark.parametrize("source", ["prometheus", "scrape"])
def test_waits_for_no_source_of_evidence(
    evening_world: EveningWorld, deaf_url: str, source: str, operation: str
) -> None:
    """Prometheus takes the connection and says nothing: what the gate said then is not asked before going back."""
    console = evening_world.console("oncall", source=source, prometheus_url=deaf_url, verifier_url=deaf_url)
    enforce(evening_world.console("oncall"))
    began_s = time.monotonic()
    run(REGISTRY[operation], console, policy=POLICY)
    assert time.monotonic() - began_s < LIMIT_S
    assert rolled_back(console)


def test_comes_before_everything_that_can_be_slow(evening_world: EveningWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the plan is ended, the lease touched or anything shown, nothing is enforced any more."""
    evening_world.run(headless=False)
    enforce(evening_world.ctx)
    store, early = evening_world.ctx.store, []
    for name in ("commit_cutover", "cutover_lease", "take_cutover_lease", "release_cutover_lease", "evidence"):
        real = getattr(store, name)

        def watched(*args: Any, _real: Any = real, _name: str = name, **kwargs: Any) -> Any:
            if not rolled_back(evening_world.ctx):
                early.append(_name)
            return _real(*args, **kwargs)

        monkeypatch.setattr(store, name, watched)
    run(REGISTRY["cutover.rollback"], evening_world.ctx)
    # The one look that is allowed reads what verifiers have left in this registry, for the history.
    assert set(early) <= {"evidence"}
    assert rolled_back(evening_world.ctx)


@pytest.mark.parametrize("step", STEPS)
def test_works_from_every_step(evening_world: EveningWorld, step: str) -> None:
    """The step under way ends, nothing after it begins, and the evening says that it was rolled back."""
    second = evening_world.console("second")

    def interrupted(work: Work) -> Outcome:
        if evening_world.ctx.store.rollout(POLICY) is None:
            enforce(evening_world.ctx)
        run(REGISTRY["cutover.rollback"], second)
        assert rolled_back(second)
        return good(work)

    evening_world.acts[step] = interrupted
    shown = evening_world.run()
    assert shown.evening is not None
    assert (shown.evening.phase, shown.answer) == (Phase.ROLLED_BACK, "no")
    assert shown.evening.step(step).state is StepState.RUNNING
    assert sum(evening_world.carried_out.values()) == STEPS.index(step) + 1
    assert shown.lease is None


def test_works_while_a_step_hangs(evening_world: EveningWorld) -> None:
    """Whoever drives is stuck and keeps the lease; going back takes a moment, and what hung changes nothing later."""
    hangs, may_go_on, ended = threading.Event(), threading.Event(), []

    def hanging(work: Work) -> Outcome:
        hangs.set()
        may_go_on.wait(10)
        return good(work)

    evening_world.acts["load"] = hanging
    driver = evening_world.console("oncall")
    thread = threading.Thread(target=lambda: ended.append(evening_world.run(driver)))
    thread.start()
    try:
        assert hangs.wait(10)
        second = evening_world.console("second")
        enforce(second)
        began_s = time.monotonic()
        shown = run(REGISTRY["cutover.rollback"], second)
        assert time.monotonic() - began_s < LIMIT_S
        assert rolled_back(second)
        assert shown.taken_back == f"capctl deploy rollback --target local --env {ENV}"
    finally:
        may_go_on.set()
        thread.join()
    assert evening_world.carried_out["enforce-100"] == 0
    assert [shown.answer for shown in ended] == ["no"]
    assert rolled_back(second)


def test_asks_nobody_who_holds_the_lease(evening_world: EveningWorld) -> None:
    """Without an evening as well: somebody is just about to begin one."""
    enforce(evening_world.ctx)
    with held_lease(evening_world.ctx):
        run(REGISTRY["cutover.rollback"], evening_world.console("second"))
    assert rolled_back(evening_world.ctx)


def test_a_plan_that_cannot_be_read_keeps_nobody_from_it(
    evening_world: EveningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enforcement is stopped; only then it is told that the plan is damaged."""
    evening_world.run(headless=False)
    enforce(evening_world.ctx)

    def damaged(env: str) -> None:
        raise Unavailable("store.damaged", "The cutover is not what its audit record says", "Restore a backup.")

    monkeypatch.setattr(evening_world.ctx.store, "cutover", damaged)
    with pytest.raises(Unavailable) as told:
        run(REGISTRY["cutover.rollback"], evening_world.ctx, policy=POLICY)
    assert rolled_back(evening_world.ctx)
    assert told.value.message.startswith("Nothing is enforced; but:")


def test_a_driver_that_gets_on_meanwhile_does_not_stop_it(
    evening_world: EveningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan changes between the look at it and its end: it is ended all the same."""
    evening_world.acts["canary"] = ends(StepState.HELD, "not yet")
    evening_world.run()
    enforce(evening_world.ctx)
    second, store = evening_world.console("second"), evening_world.ctx.store
    real, pushed = store.commit_cutover, list[CutoverShown]()

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        if not pushed:
            pushed.append(evening_world.resume(second))
        return real(*args, **kwargs)

    monkeypatch.setattr(store, "commit_cutover", overtaken)
    shown = run(REGISTRY["cutover.rollback"], evening_world.ctx)
    assert (shown.evening.phase, shown.answer) == (Phase.ROLLED_BACK, "yes")
    assert rolled_back(second)


def test_is_a_yes_for_whoever_asked(evening_world: EveningWorld) -> None:
    """The command that did what it was asked to do is no failure, neither for a script nor for an auditor."""
    evening_world.run(headless=False)
    enforce(evening_world.ctx)
    assert run(REGISTRY["cutover.rollback"], evening_world.ctx).answer == "yes"
    done = next(r.event for r in evening_world.ctx.store.audit_tail() if r.event.action == "cutover.rollback")
    assert (done.outcome, done.code) == ("done", "")
    assert run(REGISTRY["cutover.status"], evening_world.ctx).answer == "no"
    evening = latest(evening_world.ctx)
    assert evening is not None
    assert evening.phase is Phase.ROLLED_BACK


def test_again_changes_nothing(evening_world: EveningWorld) -> None:
    evening_world.run(headless=False)
    enforce(evening_world.ctx)
    run(REGISTRY["cutover.rollback"], evening_world.ctx)
    state = evening_world.ctx.store.rollout(POLICY)
    run(REGISTRY["cutover.rollback"], evening_world.ctx)
    assert evening_world.ctx.store.rollout(POLICY) == state


def test_without_anything_there_is_nothing_to_go_back_from(evening_world: EveningWorld) -> None:
    with pytest.raises(NotFound):
        run(REGISTRY["cutover.rollback"], evening_world.ctx)
