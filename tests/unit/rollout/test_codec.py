"""A stored rollout is read back exactly, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.canonical import canonical_json
from engine.errors import InvalidInput
from engine.ids import hash_bytes
from engine.rollout.codec import from_json, public_json, to_json
from engine.rollout.plan import default_plan
from engine.rollout.state import BreakGlass, Phase, RolloutState

AT = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
STATE = RolloutState(
    policy_id="lksg.v1",
    revision=7,
    phase=Phase.CANARY,
    plan=default_plan(),
    step_index=1,
    basis_points=2500,
    step_id="0123456789abcdef",
    step_started_at=AT,
    salt=bytes(range(32)),
    bucket_version=1,
    candidate_ir_hash=hash_bytes(b"candidate"),
    actor="anna",
    reason="it is time",
    changed_at=AT,
    break_glass=BreakGlass("urgent", "anna", AT, 0),
)


@pytest.mark.parametrize("state", [STATE, replace(STATE, break_glass=None, candidate_ir_hash=None, step_index=-1)])
def test_a_rollout_survives_being_stored(state: RolloutState) -> None:
    """Through canonical JSON, with and without what is optional."""
    assert from_json(json.loads(canonical_json(to_json(state)))) == state


def test_the_public_form_has_the_percentage_and_no_salt() -> None:
    """A caller who knew the salt could choose the bucket."""
    public = public_json(STATE)
    assert public["percent"] == 25
    assert STATE.salt.hex() not in json.dumps(public)


def test_a_newer_version_is_refused_by_name() -> None:
    """Nothing is enforced from a document that may mean something else."""
    with pytest.raises(InvalidInput) as refused:
        from_json({**to_json(STATE), "version": 2})
    assert refused.value.code == "rollout.newer_version"


Damage = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: None,
        lambda d: [],
        lambda d: {},
        lambda d: {**d, "version": 0},
        lambda d: {**d, "version": True},
        lambda d: {**d, "extra": 1},
        lambda d: {k: v for k, v in d.items() if k != "salt"},
        lambda d: {**d, "salt": "xyz"},
        lambda d: {**d, "salt": "00"},
        lambda d: {**d, "revision": 0},
        lambda d: {**d, "revision": "7"},
        lambda d: {**d, "revision": True},
        lambda d: {**d, "phase": "half"},
        lambda d: {**d, "phase": "full"},
        lambda d: {**d, "phase": "rolled_back"},
        lambda d: {**d, "basis_points": 10_001},
        lambda d: {**d, "basis_points": 2500.0},
        lambda d: {**d, "step_index": 3},
        lambda d: {**d, "step_index": -2},
        lambda d: {**d, "step_id": ""},
        lambda d: {**d, "step_started_at": "yesterday"},
        lambda d: {**d, "candidate_ir_hash": "lksg"},
        lambda d: {**d, "plan": {"steps": []}},
        lambda d: {**d, "break_glass": {}},
        lambda d: {**d, "break_glass": {**d["break_glass"], "return_to_basis_points": -1}},
        lambda d: {**d, "break_glass": 5},
        lambda d: {**d, "policy_id": None},
    ],
)
def test_a_damaged_rollout_is_refused(damage: Damage) -> None:
    """Anything that is not exactly a rollout is an error for people, never a guess and never a traceback."""
    with pytest.raises(InvalidInput):
        from_json(damage(to_json(STATE)))
