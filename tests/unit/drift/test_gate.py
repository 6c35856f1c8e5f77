"""The gate: three answers, fail-closed, and a rollback only on evidence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.drift.counts import Counts
from engine.drift.gate import Answer, GateReport, GateSettings, evaluate_gate
from engine.drift.sample import LATENCY_BOUNDS_S, Traffic

ONE_PERCENT = GateSettings(drift_max_ratio=0.01)


def answered(fast: int, *, slow: int = 0, errors: int = 0) -> Traffic:
    """HTTP answers, the fast ones in 10 ms and the slow ones in 2 s."""
    latency = [0] * (len(LATENCY_BOUNDS_S) + 1)
    latency[14], latency[29] = fast, slow
    return Traffic(fast + slow, errors, tuple(latency))


def enforced(n: int, *, over: int = 0, under: int = 0, unknown: int = 0, **others: int) -> Counts:
    return Counts(requests=4 * n, enforced=n, over_block=over, under_block=under, unknown=unknown, **others)


def judge(step: Counts, settings: GateSettings = ONE_PERCENT, **changes: Any) -> GateReport:
    """Judge a step that is healthy in every respect but the given ones."""
    given: dict[str, Any] = {
        "step": step,
        "traffic": answered(1000),
        "windows": {"5m": step},
        "source_age_s": 1.0,
        "step_age_s": 600.0,
        "hold_s": 300.0,
        "requests_per_s": 16.0,
        "basis_points": 2500,
    }
    return evaluate_gate(settings, **{**given, **changes})


def answer_of(report: GateReport, name: str) -> Answer:
    return next(condition.answer for condition in report.conditions if condition.name == name)


def test_opens_on_enough_clean_requests_and_not_one_earlier() -> None:
    """449 clean enforced requests prove less than 1 % drift; 448 do not."""
    assert judge(enforced(449)).answer is Answer.OPEN
    early = judge(enforced(448))
    assert (early.answer, early.samples_needed, early.rollback_due) == (Answer.HOLD, 1, False)


def test_says_what_is_missing_and_how_long_it_takes() -> None:
    """A hold names the requests still needed and the time at the present rate: a quarter of 16/s is enforced."""
    report = judge(enforced(412), GateSettings(drift_max_ratio=0.005))
    drift = next(c for c in report.conditions if c.name == "drift")
    assert drift.detail == "0 of 412 enforced requests drifted; 489 more clean ones needed, about 3 min at 4/s"
    assert report.samples_needed == 489
    assert report.expected_wait_s == pytest.approx(489 / 4)


@pytest.mark.parametrize(
    "silence",
    [
        {"source_age_s": None},
        {"source_age_s": 60.5},
        {"source_age_s": math.nan},
        {"source_age_s": math.inf},
        {"source_age_s": -61.0},
        {"step_age_s": math.nan},
        {"step_age_s": 299.0},
        {"hold_s": math.nan},
        {"step": Counts(), "windows": {}},
        {"step": Counts(requests=10_000)},
        {"windows": {}},
        {"traffic": Traffic()},
        {"settings": replace(ONE_PERCENT, drift_max_ratio=math.nan)},
        {"settings": replace(ONE_PERCENT, alpha=math.nan)},
        {"settings": replace(ONE_PERCENT, max_5xx_ratio=math.nan), "traffic": answered(1000, errors=1)},
        {"settings": replace(ONE_PERCENT, p95_limit_s=math.nan)},
        {"settings": replace(ONE_PERCENT, max_age_s=math.nan)},
    ],
)
def test_what_is_unknown_is_hold(silence: dict[str, Any]) -> None:
    """No traffic, NaN, no source, a silent source, too soon: always hold, never open, never a rollback."""
    report = judge(**{"step": enforced(5000), **silence})
    assert report.answer is Answer.HOLD
    assert not report.rollback_due


def test_a_silent_source_is_hold_even_where_its_last_word_was_drift() -> None:
    """Nobody acts on the last word of a verifier that has gone."""
    report = judge(enforced(100, over=50), source_age_s=61.0)
    assert (report.answer, report.rollback_due) == (Answer.HOLD, False)
    assert {condition.answer for condition in report.conditions} == {Answer.HOLD, Answer.OPEN}
    assert answer_of(report, "drift") is Answer.HOLD


def test_clear_drift_closes_and_rolls_back() -> None:
    """Nine of a hundred at a limit of 1 %."""
    report = judge(enforced(100, over=9))
    assert (report.answer, report.rollback_due) == (Answer.CLOSED, True)
    assert report.rollback_reason == "9 of 100 enforced requests drifted (9 %), the limit is 1 %"
    assert report.samples_needed is None


@pytest.mark.parametrize("mismatches", [1, 2])
def test_fewer_than_three_mismatches_never_roll_back(mismatches: int) -> None:
    """Two unlucky requests at the very beginning are no rollout's end, whatever their ratio."""
    for n in range(mismatches, 200):
        report = judge(enforced(n, over=mismatches))
        assert not report.rollback_due
        assert report.answer is Answer.HOLD


def test_twice_the_limit_rolls_back_once_a_clean_rollout_would_have_been_proven() -> None:
    """11 of 500 is 2.2 %: not yet certain by the sequential test, but beyond twice the limit over enough requests."""
    report = judge(enforced(500, over=11))
    assert report.log_e_rollback < math.log(20)
    assert report.rollback_due
    assert not judge(enforced(500, over=10)).rollback_due


def test_at_zero_percent_the_preview_is_the_evidence_and_nothing_rolls_back() -> None:
    """A candidate that would drift closes the gate before anything is enforced."""
    clean = judge(Counts(requests=449), basis_points=0, windows={})
    assert (clean.answer, clean.basis, clean.n) == (Answer.OPEN, "preview", 449)
    drifting = judge(Counts(requests=449, preview_over_block=40), basis_points=0)
    assert (drifting.answer, drifting.rollback_due) == (Answer.CLOSED, False)
    assert "would have drifted" in next(c.detail for c in drifting.conditions if c.name == "drift")


def test_preview_drift_is_no_evidence_where_something_is_enforced() -> None:
    """What would happen and what happens are never mixed."""
    assert judge(enforced(449, preview_over_block=400)).answer is Answer.OPEN


def test_the_rolling_ratio_must_hold_as_well() -> None:
    """A step that is proven clean overall is closed while its last five minutes are over the limit."""
    step = enforced(100_000, over=1200)
    report = judge(step, replace(ONE_PERCENT, drift_max_ratio=0.0115), windows={"5m": enforced(400, over=8)})
    assert answer_of(report, "window_5m") is Answer.CLOSED
    assert not report.rollback_due


def test_drift_of_an_earlier_step_in_the_window_holds_until_it_has_left() -> None:
    """After a rollback and a new start the old drift is not held against the new step, nor forgotten at once."""
    report = judge(enforced(500), windows={"5m": enforced(900, over=40)})
    assert answer_of(report, "window_5m") is Answer.HOLD
    assert report.answer is Answer.HOLD


def test_server_errors_close_and_roll_back() -> None:
    """1 % is over "below 1 %"."""
    report = judge(enforced(449), traffic=answered(1000, errors=10))
    assert (report.answer, report.rollback_due) == (Answer.CLOSED, True)
    assert "10 of 1,000 answers were 5xx" in report.rollback_reason
    assert judge(enforced(449), traffic=answered(1000, errors=9)).answer is Answer.OPEN


def test_one_server_error_among_few_answers_only_holds() -> None:
    """One unlucky answer in sixty is over 1 %, and proves nothing."""
    report = judge(enforced(449), traffic=answered(60, errors=1))
    assert (report.answer, report.rollback_due) == (Answer.HOLD, False)


def test_slow_answers_close_and_roll_back() -> None:
    """The limit is on the 95th percentile: 6 % slow answers break it, 4 % do not."""
    report = judge(enforced(449), traffic=answered(940, slow=60))
    assert (report.answer, report.rollback_due) == (Answer.CLOSED, True)
    assert judge(enforced(449), traffic=answered(960, slow=40)).answer is Answer.OPEN
    assert judge(enforced(449), traffic=answered(0, slow=40)).answer is Answer.HOLD


def test_kpis_roll_nothing_back_at_zero_percent() -> None:
    """There is nothing to take back."""
    report = judge(Counts(requests=449), basis_points=0, traffic=answered(100, errors=50))
    assert (report.answer, report.rollback_due) == (Answer.CLOSED, False)


@pytest.mark.parametrize(
    ("limit", "drifting"),
    [("over_block_max_ratio", "over"), ("under_block_max_ratio", "under"), ("unknown_max_ratio", "unknown")],
)
def test_a_direction_has_its_own_limit_where_one_is_set(limit: str, drifting: str) -> None:
    """Overall drift within its limit, one direction beyond its own."""
    loose = GateSettings(drift_max_ratio=0.2)
    step = enforced(1000, **{drifting: 30})
    assert judge(step, loose).answer is Answer.OPEN
    strict = judge(step, replace(loose, **{limit: 0.005}))
    assert (strict.answer, strict.rollback_due) == (Answer.CLOSED, True)


def test_noise_is_no_reason_to_roll_back() -> None:
    """Drift that is not above what the baseline does to itself holds the gate, and nobody chases a ghost."""
    noisy = enforced(1000, over=40, aa_samples=1000, aa_mismatches=45)
    report = judge(noisy)
    assert (report.answer, report.rollback_due) == (Answer.CLOSED, False)
    assert answer_of(report, "noise") is Answer.HOLD
    real = enforced(1000, over=140, aa_samples=1000, aa_mismatches=45)
    assert judge(real).rollback_due


def test_noise_that_is_not_established_excuses_nothing() -> None:
    """Two disagreements in ten checks are no floor to hide 4 % drift under."""
    assert judge(enforced(1000, over=40, aa_samples=10, aa_mismatches=2)).rollback_due


def test_the_plain_rule_for_those_who_want_it() -> None:
    """`evidence: point` compares the ratio with the limit from the minimum number of requests on."""
    plain = replace(ONE_PERCENT, evidence="point")
    assert judge(enforced(49), plain).answer is Answer.HOLD
    assert judge(enforced(100, over=1), plain).answer is Answer.OPEN
    assert judge(enforced(100, over=2), plain, windows={"5m": enforced(100)}).answer is Answer.CLOSED


def test_the_plain_rule_rolls_back_beyond_twice_the_limit() -> None:
    """Over the limit it closes; it goes back only beyond twice the limit, and never for fewer than three."""
    plain = replace(ONE_PERCENT, evidence="point")
    assert not judge(enforced(60, over=2), plain).rollback_due
    assert not judge(enforced(200, over=4), plain).rollback_due
    assert judge(enforced(200, over=5), plain).rollback_due


def test_a_limit_of_zero_cannot_be_proven_and_is_broken_by_three() -> None:
    """It holds for ever, and says why."""
    never = GateSettings(drift_max_ratio=0.0)
    report = judge(enforced(1_000_000), never)
    assert (report.answer, report.samples_needed) == (Answer.HOLD, None)
    assert "no number of requests proves" in next(c.detail for c in report.conditions if c.name == "drift")
    assert judge(enforced(1_000_000, over=3), never).rollback_due


@pytest.mark.parametrize("settings", [ONE_PERCENT, replace(ONE_PERCENT, evidence="point")])
@pytest.mark.parametrize("step", [enforced(5, over=900), enforced(5000, over=-1), Counts(requests=-900, enforced=-900)])
def test_reports_that_contradict_themselves_hold(step: Counts, settings: GateSettings) -> None:
    """More mismatches than requests, or fewer than none: a broken verifier, not an answer and not a traceback."""
    report = judge(step, settings, windows={})
    assert (report.answer, report.rollback_due) == (Answer.HOLD, False)
    json.dumps(report.to_json(), allow_nan=False)


ages = st.none() | st.floats(allow_nan=True, allow_infinity=True)
small = st.integers(0, 60)


steps = st.builds(
    lambda n, over, under, unknown: enforced(n + over + under + unknown, over=over, under=under, unknown=unknown),
    st.integers(0, 3000),
    small,
    small,
    small,
)
traffics = st.builds(
    lambda fast, slow, errors: answered(fast + errors, slow=slow, errors=errors), st.integers(0, 2000), small, small
)


@given(step=steps, traffic=traffics, source=ages, step_age=st.floats(), rate=st.floats(), points=st.integers(0, 10_000))
def test_any_numbers_give_an_answer_that_is_fail_closed(
    *, step: Counts, traffic: Traffic, source: float | None, step_age: float, rate: float, points: int
) -> None:
    """Whatever comes in: the worst answer wins, the report is valid JSON, and open means that everything is known."""
    report = judge(
        step,
        traffic=traffic,
        source_age_s=source,
        step_age_s=step_age,
        requests_per_s=rate,
        basis_points=points,
    )
    answers = {condition.answer for condition in report.conditions}
    worst = next(a for a in (Answer.CLOSED, Answer.HOLD, Answer.OPEN) if a in answers)
    assert report.answer is worst
    json.dumps(report.to_json(), allow_nan=False)
    if report.rollback_due:
        assert report.answer is Answer.CLOSED
        assert points > 0
        assert report.rollback_reason
    if report.answer is Answer.OPEN:
        assert source is not None
        assert abs(source) <= 60
        assert step_age >= 300
        assert report.samples_needed == 0
