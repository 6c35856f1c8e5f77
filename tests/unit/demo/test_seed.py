"""What the demonstration begins with, when it goes on, and when it starts over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.bootstrap import open_context
from engine.clock import ManualClock
from engine.context import EngineContext
from engine.demo.seed import PILOT_POLICY_ID, POLICY_ID, begin, demo_plan, furnish, inject_drift, service_of
from engine.errors import InvalidInput, Refused
from engine.policies.demonstration import demo_roots
from engine.rollout.state import Phase
from engine.settings import Settings


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[EngineContext]:
    settings = replace(Settings(), env="demo", state_dir=tmp_path / "demo")
    with open_context(settings, actor="tester", clock=ManualClock()) as ctx:
        furnish(ctx)
        yield ctx


def _to_canary(ctx: EngineContext) -> None:
    service_of(ctx).promote(POLICY_ID, actor="tester", reason="test", break_glass=True)


def test_the_world_is_furnished_with_policies_and_lists(ctx: EngineContext) -> None:
    assert {entry.policy_id for entry in ctx.store.policies()} == {POLICY_ID, PILOT_POLICY_ID}
    assert {entry.root for entry in ctx.store.reference_sets()} == set(demo_roots())


def test_furnishing_again_changes_nothing(ctx: EngineContext) -> None:
    before = ctx.store.version_token()
    furnish(ctx)
    assert ctx.store.version_token() == before


def test_a_rollout_under_way_goes_on_where_it_stands(ctx: EngineContext) -> None:
    begin(ctx, demo_plan(), fresh=False)
    _to_canary(ctx)
    assert begin(ctx, demo_plan(), fresh=False).basis_points == 2500


def test_one_that_was_rolled_back_starts_over(ctx: EngineContext) -> None:
    begin(ctx, demo_plan(), fresh=False)
    inject_drift(ctx)
    _to_canary(ctx)
    service_of(ctx).rollback(POLICY_ID, actor="tester")
    state = begin(ctx, demo_plan(), fresh=False)
    assert (state.phase, state.candidate_ir_hash) == (Phase.SHADOW, None)


def test_one_that_was_completed_starts_over(ctx: EngineContext) -> None:
    begin(ctx, demo_plan(), fresh=False)
    service_of(ctx).set_percent(POLICY_ID, 10_000, actor="tester", reason="test", break_glass=True)
    assert begin(ctx, demo_plan(), fresh=False).basis_points == 0


@pytest.mark.parametrize("fresh", [True, False])
def test_another_plan_or_a_wish_starts_over(ctx: EngineContext, fresh: bool) -> None:
    begin(ctx, demo_plan(), fresh=False)
    _to_canary(ctx)
    plan = demo_plan() if fresh else demo_plan("0,50,100")
    state = begin(ctx, plan, fresh=fresh)
    assert (state.basis_points, state.plan) == (0, plan)


def test_drift_is_injected_in_the_demonstration_only(ctx: EngineContext) -> None:
    begin(ctx, demo_plan(), fresh=False)
    real = replace(ctx, settings=replace(ctx.settings, env="dev"))
    with pytest.raises(Refused):
        inject_drift(real)
    assert inject_drift(ctx).candidate_ir_hash is not None


@pytest.mark.parametrize(
    ("percents", "drift_max"), [("0,25,101", 0.01), ("25,100", 0.01), ("abc", 0.01), ("0,100", 2.0)]
)
def test_an_impossible_plan_is_refused(percents: str, drift_max: float) -> None:
    with pytest.raises(InvalidInput):
        demo_plan(percents, drift_max=drift_max)
