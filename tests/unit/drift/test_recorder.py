"""What a verifier holds in memory, and what it reports."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from engine.clock import ManualClock
from engine.decision.verdict import Decision, Drift, Outcome, Verdict, Violation
from engine.drift.counts import Counts
from engine.drift.recorder import MAX_EXPLANATIONS, REPORTED_EXPLANATIONS, DriftRecorder
from engine.drift.sample import Explanation, ReplicaSample, Traffic

AT = datetime(2026, 1, 1, tzinfo=UTC)
OK = Outcome(Verdict.OK, (), True)


def fail(*rules: str) -> Outcome:
    return Outcome(Verdict.FAIL, tuple(Violation(rule, "member_found") for rule in rules), True)


def clean(policy_id: str = "p") -> Decision:
    return Decision(policy_id, OK, OK, OK, True, 1, Drift.NONE, Drift.NONE)


def drifting(*rules: str) -> Decision:
    bad = fail(*rules)
    return Decision("p", OK, bad, bad, True, 1, Drift.OVER_BLOCK, Drift.NONE)


def previewed(*rules: str) -> Decision:
    return Decision("p", OK, fail(*rules), OK, False, 9000, Drift.NONE, Drift.OVER_BLOCK)


def recorder(clock: ManualClock | None = None) -> DriftRecorder:
    made = DriftRecorder((clock or ManualClock()).monotonic)
    made.begin_step("p", "s1", 1)
    return made


def only(made: DriftRecorder) -> ReplicaSample:
    [sample] = made.samples("r1", AT)
    return sample


def test_a_step_counts_from_its_beginning() -> None:
    """What was decided before does not count for it, though the windows remember."""
    made = recorder()
    made.record(drifting("R1"), step_id="s1")
    made.begin_step("p", "s2", 2)
    made.record(clean(), step_id="s2")
    sample = only(made)
    assert (sample.step_id, sample.revision) == ("s2", 2)
    assert sample.step == Counts(requests=1, enforced=1)
    assert sample.windows["5m"] == Counts(requests=2, enforced=2, over_block=1)
    assert sample.explained == ()


def test_a_new_revision_of_the_same_step_keeps_the_evidence() -> None:
    """Pausing changes the revision, not what is measured."""
    made = recorder()
    made.record(clean(), step_id="s1")
    made.begin_step("p", "s1", 2)
    assert (only(made).revision, only(made).step.requests) == (2, 1)


def test_a_decision_of_the_step_before_is_no_evidence_for_this_one() -> None:
    """A request under way while the step changed was decided by the old rules."""
    made = recorder()
    made.begin_step("p", "s2", 2)
    made.record(drifting("R1"), step_id="s1")
    made.record_self_check("p", agreed=False, step_id="s1")
    sample = only(made)
    assert (sample.step, sample.explained) == (Counts(), ())
    assert sample.windows["5m"].over_block == 1


def test_a_restarted_replica_goes_on_where_it_stopped() -> None:
    """Counts, traffic and reasons of the same step continue; another step's are ignored."""
    before = recorder()
    before.record(drifting("R1"), step_id="s1")
    before.record_http(503, 0.01)
    last_word = only(before)

    after = recorder()
    assert after.resume(last_word)
    after.record(drifting("R1"), step_id="s1")
    after.record_http(200, 0.01)
    sample = only(after)
    assert sample.step == Counts(requests=2, enforced=2, over_block=2)
    assert (sample.step_traffic.requests, sample.step_traffic.errors_5xx) == (2, 1)
    assert sample.explained == (Explanation("R1", "member_found", "over_block", False, 2),)

    assert not after.resume(only(after)), "its own report, taken up again, would double the evidence"
    after.begin_step("p", "s2", 2)
    assert not after.resume(last_word)
    assert only(after).step == Counts()


def test_drift_is_explained_by_the_rules_that_differ() -> None:
    """Most frequent first; what is enforced and what is only previewed are told apart."""
    made = recorder()
    for decision in (drifting("R1", "R2"), drifting("R1"), previewed("R3")):
        made.record(decision, step_id="s1")
    assert only(made).explained == (
        Explanation("R1", "member_found", "over_block", False, 2),
        Explanation("R2", "member_found", "over_block", False, 1),
        Explanation("R3", "member_found", "over_block", True, 1),
    )


def test_explanations_are_bounded() -> None:
    """A policy with thousands of rules cannot grow the memory or the report."""
    made = recorder()
    for number in range(2 * MAX_EXPLANATIONS):
        made.record(drifting(f"R{number}"), step_id="s1")
    assert len(made._steps["p"].reasons) == MAX_EXPLANATIONS
    assert len(only(made).explained) == REPORTED_EXPLANATIONS


def test_self_checks_make_the_noise_floor() -> None:
    """One disagreement in four checks is a floor of a quarter, and no request."""
    made = recorder()
    for agreed in (True, True, False, True):
        made.record_self_check("p", agreed=agreed, step_id="s1")
    step = only(made).step
    assert (step.aa_samples, step.aa_mismatches, step.aa_floor, step.requests) == (4, 1, 0.25, 0)


def test_http_answers_are_counted_for_the_step_and_the_last_five_minutes() -> None:
    """The step's traffic lasts as long as the step, the recent one five minutes."""
    clock = ManualClock()
    made = recorder(clock)
    for status, seconds in ((200, 0.004), (500, 0.004), (200, 1000.0)):
        made.record_http(status, seconds)
    clock.advance(301)
    made.record_http(200, 0.004)
    sample = only(made)
    assert (sample.step_traffic.requests, sample.step_traffic.errors_5xx) == (4, 1)
    assert (sample.recent.requests, sample.recent.errors_5xx) == (1, 0)
    assert sample.step_traffic.quantile_s(0.99) == float("inf")
    assert 0.003 < (sample.recent.quantile_s(0.5) or 0) < 0.005
    assert made.traffic() == sample.step_traffic


def test_the_limit_of_600_ms_is_told_exactly() -> None:
    """599 ms and 601 ms fall on different sides of a bucket's bound."""
    made = recorder()
    made.record_http(200, 0.599)
    below = only(made).recent.quantile_s(0.95)
    made.begin_step("p", "s2", 2)
    made.record_http(200, 0.601)
    above = only(made).step_traffic.quantile_s(0.95)
    assert below is not None
    assert above is not None
    assert below <= 0.6 < above


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    """It follows the present, not the average since the start, and falls to zero in silence."""
    clock = ManualClock()
    made = recorder(clock)
    rates = {}
    for second in range(1, 41):
        clock.advance(1)
        for _ in range(5 if second <= 20 else 0):
            made.record(clean(), step_id="s1")
        rates[second] = only(made).requests_per_s
    assert rates[15] == rates[20] == 5.0
    assert rates[25] == 2.5
    assert rates[31] == 0.0


def test_totals_count_every_policy_since_the_process_began() -> None:
    """Counters for scraping never go back, with or without a rollout, over any step."""
    clock = ManualClock()
    made = recorder(clock)
    made.record(clean("other"), step_id="")
    made.record(clean(), step_id="s1")
    clock.advance(7200)
    made.begin_step("p", "s2", 2)
    made.record(drifting("R1"), step_id="s2")
    assert made.totals() == {"other": Counts(1, 1), "p": Counts(2, 2, over_block=1)}


def test_a_rollout_that_is_gone_is_no_longer_reported() -> None:
    """After `end` there is no sample, and decisions still count in the windows."""
    made = recorder()
    made.end("p")
    made.record(clean(), step_id="s1")
    assert made.samples("r1", AT) == []
    assert made.windows.counts("5m", "p").requests == 1


def test_recording_while_steps_change_never_counts_below_zero() -> None:
    """Threads that record for an old step while another begins: evidence is exactly what was decided for the new."""
    made = recorder()
    done = threading.Event()

    def record_for_the_old_step() -> None:
        while not done.is_set():
            made.record(drifting("R1"), step_id="s1")

    thread = threading.Thread(target=record_for_the_old_step)
    thread.start()
    try:
        for number in range(2, 200):
            made.begin_step("p", f"s{number}", number)
            assert only(made).step == Counts()
    finally:
        done.set()
        thread.join()


def test_traffic_of_different_histograms_adds_up() -> None:
    """A replica without traffic has an empty histogram."""
    assert Traffic(1, 0, (1, 0)) + Traffic() == Traffic(1, 0, (1, 0))
