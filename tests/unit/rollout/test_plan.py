"""Plans and percentages as people write them, and the exact error where they cannot be read."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.drift.gate import GateSettings
from engine.errors import InvalidInput
from engine.rollout.plan import (
    default_plan,
    parse_gate,
    parse_hold,
    parse_percent,
    parse_plan,
    plan_of_percents,
    plan_to_json,
    to_percent,
)
from engine.rollout.state import RolloutPlan, Step


@pytest.mark.parametrize(
    ("written", "basis_points"),
    [
        (25, 2500),
        (12.5, 1250),
        ("25", 2500),
        ("25%", 2500),
        (" 0.01 % ", 1),
        ("100.00", 10_000),
        (0.29, 29),
        ("+5", 500),
    ],
)
def test_a_percentage_is_read_exactly(written: object, basis_points: int) -> None:
    """As number or text, with or without the sign, to the hundredth of a percent."""
    assert parse_percent(written) == basis_points


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("101", "percent_range"),
        ("-1", "percent_range"),
        (-0.5, "percent_range"),
        ("100.001", "percent_range"),
        (10**30, "percent_malformed"),
        ("abc", "percent_malformed"),
        ("", "percent_malformed"),
        ("1e2", "percent_malformed"),
        ("٢٥", "percent_malformed"),
        (math.nan, "percent_malformed"),
        (math.inf, "percent_malformed"),
        (True, "percent_malformed"),
        (None, "percent_malformed"),
        ([25], "percent_malformed"),
        ("0.005", "percent_resolution"),
    ],
)
def test_what_is_no_percentage_is_refused(written: object, code: str) -> None:
    """101, -1, abc, NaN, finer than can be bucketed: each says what is wrong and what would be right."""
    with pytest.raises(InvalidInput) as refused:
        parse_percent(written)
    assert refused.value.code == f"rollout.{code}"
    assert refused.value.hint


@given(st.integers(0, 10_000))
def test_every_basis_point_survives_being_written(basis_points: int) -> None:
    """A percentage printed is a percentage read."""
    assert parse_percent(to_percent(basis_points)) == basis_points
    assert parse_percent(f"{to_percent(basis_points)}%") == basis_points


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90), (0.5, 0.5), ("90s", 90), ("5m", 300), ("1h", 3600), ("2d", 172_800), ("500ms", 0.5), ("1.5h", 5400),
     ("PT5M", 300), ("PT1H30M", 5400), ("P1DT12H", 129_600), ("P2W", 1_209_600), ("PT0.5S", 0.5), ("0s", 0)],
)  # fmt: skip
def test_hold_times_are_read_in_every_spelling(written: object, seconds: float) -> None:
    """Seconds, short forms, ISO 8601."""
    assert parse_hold(written) == seconds


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("P", "malformed"),
        ("PT", "malformed"),
        ("P1DT", "malformed"),
        ("P1M", "malformed"),
        ("P1Y", "malformed"),
        ("five minutes", "malformed"),
        ("5", "malformed"),
        ("-5m", "malformed"),
        (math.nan, "malformed"),
        (True, "malformed"),
        (None, "malformed"),
        ("9" * 400 + "s", "malformed"),
        (-1, "range"),
        ("31d", "range"),
    ],
)
def test_what_is_no_hold_time_is_refused(written: object, code: str) -> None:
    """Months have no fixed length, and a hold is not for ever."""
    with pytest.raises(InvalidInput) as refused:
        parse_hold(written, where="steps[1].hold")
    assert refused.value.code == f"rollout.hold_{code}"
    assert refused.value.message.startswith("steps[1].hold: ")


def test_a_plan_is_read_with_its_gates() -> None:
    """A step's limits stand on the plan's, and the plan's on the defaults."""
    plan = parse_plan(
        {
            "auto": True,
            "gate": {"drift_max_ratio": 0.01},
            "steps": [
                0,
                {"percent": "25%", "hold": "PT15M", "gate": {"min_samples": 500}},
                {"percent": 100, "hold": 0},
            ],
        }
    )
    limits = GateSettings(drift_max_ratio=0.01)
    assert plan == RolloutPlan(
        (
            Step(0, 300.0, limits),
            Step(2500, 900.0, GateSettings(drift_max_ratio=0.01, min_samples=500)),
            Step(10_000, 0.0, limits),
        ),
        auto=True,
    )


def test_the_default_plan_is_0_25_100() -> None:
    """And the same as writing it out."""
    assert [step.basis_points for step in default_plan().steps] == [0, 2500, 10_000]
    assert plan_of_percents("0, 25,100%") == default_plan() == parse_plan({"steps": [0, 25, 100]})


@pytest.mark.parametrize(
    ("document", "code", "where"),
    [
        (None, "plan_malformed", "The plan"),
        ([0, 25], "plan_malformed", "The plan"),
        ({}, "plan_malformed", "steps"),
        ({"steps": []}, "plan_malformed", "steps"),
        ({"steps": "0,25"}, "plan_malformed", "steps"),
        ({"steps": [0], "auto": "yes"}, "plan_malformed", "auto"),
        ({"steps": [0], "automatic": True}, "plan_unknown_key", "'automatic'"),
        ({"steps": [0, {"percent": 5, "hodl": 1}]}, "plan_unknown_key", "steps[1]"),
        ({"steps": [0, {"hold": 5}]}, "plan_malformed", "steps[1]"),
        ({"steps": [0, 101]}, "percent_range", "steps[1].percent"),
        ({"steps": [0, math.nan]}, "percent_malformed", "steps[1].percent"),
        ({"steps": [25, 100]}, "plan_start", "25 %"),
        ({"steps": [0, 50, 25]}, "plan_order", "50 % to 25 %"),
        ({"steps": [0, 25, 25]}, "plan_order", "25 % to 25 %"),
        ({"steps": [0, {"percent": 5, "hold": "soon"}]}, "hold_malformed", "steps[1].hold"),
        ({"steps": [0], "gate": {"drift_max": 1}}, "plan_unknown_key", "gate"),
        ({"steps": [{"percent": 0, "gate": {"alpha": 2}}]}, "gate_setting", "steps[0].gate.alpha"),
        ({"steps": list(range(101))}, "plan_malformed", "steps"),
    ],
)
def test_a_broken_plan_names_the_place(document: Any, code: str, where: str) -> None:
    """What and where, in one line."""
    with pytest.raises(InvalidInput) as refused:
        parse_plan(document)
    assert refused.value.code == f"rollout.{code}"
    assert where in refused.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("drift_max_ratio", 1.01),
        ("drift_max_ratio", -0.1),
        ("drift_max_ratio", math.nan),
        ("drift_max_ratio", "0.005"),
        ("drift_max_ratio", True),
        ("max_5xx_ratio", 2),
        ("p95_limit_s", 0),
        ("p95_limit_s", math.inf),
        ("min_samples", 0),
        ("min_samples", 2.5),
        ("evidence", "hope"),
        ("alpha", 0),
        ("min_mismatches", 0),
        ("max_age_s", 61),
        ("under_block_max_ratio", 7),
    ],
)
def test_a_limit_out_of_range_is_refused(name: str, value: object) -> None:
    """No plan can make the gate meaningless, nor a source older than a minute count as alive."""
    with pytest.raises(InvalidInput, match=rf"gate\.{name}"):
        parse_gate({name: value})


def test_a_limit_that_no_evidence_can_prove_is_refused() -> None:
    """Zero drift takes the plain rule; the sequential test would hold for ever."""
    with pytest.raises(InvalidInput) as refused:
        parse_gate({"drift_max_ratio": 0})
    assert refused.value.code == "rollout.limit_unprovable"
    assert parse_gate({"drift_max_ratio": 0, "evidence": "point"}).drift_max_ratio == 0.0


gates = st.builds(
    GateSettings,
    drift_max_ratio=st.floats(1e-6, 1),
    min_samples=st.integers(1, 10_000),
    evidence=st.sampled_from(["sequential", "point"]),
    under_block_max_ratio=st.none() | st.floats(0, 1),
)
plans = st.builds(
    lambda percents, holds, gate, auto: RolloutPlan(
        tuple(Step(bp, hold, gate) for bp, hold in zip(sorted({0, *percents}), holds, strict=False)), auto
    ),
    st.lists(st.integers(1, 10_000), max_size=5),
    st.lists(st.floats(0, 2_592_000), min_size=6, max_size=6),
    gates,
    st.booleans(),
)


@given(plans)
def test_a_plan_survives_being_written(plan: RolloutPlan) -> None:
    """What is stored is what was planned."""
    assert parse_plan(plan_to_json(plan)) == plan
