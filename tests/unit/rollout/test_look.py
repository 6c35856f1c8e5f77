"""One snapshot has everything a screen needs, whatever state the world is in."""

from __future__ import annotations

import json

from engine.rollout.look import take_snapshot
from engine.rollout.snapshot import ControlSnapshot
from tests.unit.rollout.conftest import POLICY, World


def snapshot(world: World, policy_id: str = POLICY) -> ControlSnapshot:
    return take_snapshot(world.store, world.service, world.clock, policy_id)


def test_a_running_rollout(world: World) -> None:
    """Evidence, gate, history and the next step, all of one moment."""
    world.canary()
    world.measure(449)
    seen = snapshot(world)
    assert (seen.step.enforced, seen.windows["5m"].enforced, seen.requests_per_s) == (449, 449, 20.0)
    assert seen.gate is not None
    assert seen.gate.answer == "open"
    assert seen.next_percent == 100
    assert [(entry.action, entry.percent, entry.actor) for entry in seen.history] == [
        ("promote", 25, "anna"),
        ("start", 0, "anna"),
    ]
    assert seen.ir_hash == world.store.policy(POLICY).ir_hash
    assert seen.p95_s is not None
    assert seen.problems == ()


def test_a_policy_without_rollout_and_one_that_does_not_exist(world: World) -> None:
    """Empty is a state, not an error."""
    assert snapshot(world).problems == ("no rollout was started",)
    unknown = snapshot(world, "unknown")
    assert (unknown.rollout, unknown.gate, unknown.ir_hash) == (None, None, "")
    assert unknown.problems[0] == "the policy is not published"


def test_break_glass_is_loud(world: World) -> None:
    """Who, until when, back to where, and why."""
    world.start()
    world.service.promote(POLICY, actor="anna", reason="court order", break_glass=True)
    [glass, *_] = snapshot(world).problems
    assert glass == "BREAK-GLASS by anna until 2026-03-01T13:00:00Z, then back to 0 %: court order"


def test_a_silent_and_a_late_replica_are_named(world: World) -> None:
    """One stopped reporting, one has not heard of the pause."""
    world.canary()
    world.measure(10, replica="gone")
    world.measure(10, replica="late")
    world.service.pause(POLICY, actor="anna")
    assert snapshot(world).problems == ("silent for over a minute: gone", "not yet at revision 3: late")
    stale = {replica.name: replica.stale for replica in snapshot(world).replicas}
    assert stale == {"gone": True, "late": False, "v-1": True}


def test_a_due_rollback_is_named(world: World) -> None:
    """In case no steward is alive to do it."""
    world.canary()
    world.measure(100, drift=30)
    assert any(problem.startswith("rollback is due: 30 of 100") for problem in snapshot(world).problems)


def test_after_a_rollback_the_rules_behind_it_are_still_named(world: World) -> None:
    """They belong to a step that is over, and are what everybody wants to know."""
    world.canary()
    world.measure(100, drift=30, rules=("R1",))
    world.service.rollback(POLICY, actor="anna")
    world.measure(100)
    assert [(e.rule_id, e.count) for e in snapshot(world).explained] == [("R1", 30)]
    world.start()
    assert snapshot(world).explained == ()


def test_the_snapshot_is_json_without_secrets(world: World) -> None:
    """What `status --output json` prints."""
    world.canary()
    world.measure()
    written = json.dumps(snapshot(world).to_json(), allow_nan=False)
    assert world.state.salt.hex() not in written
    assert json.loads(written)["rollout"]["percent"] == 25
