"""The e-values: exact against rational arithmetic, against the published numbers, and honest under repeated looking."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.drift.conditions import judge
from engine.drift.evidence import clean_samples_needed, log_e_promote, log_e_rollback, samples_still_needed
from engine.drift.report import Answer, GateSettings

LIMITS = [Fraction(1, 200), Fraction(1, 100), Fraction(1, 20), Fraction(1, 3), Fraction(9, 10)]


def exact_log_e(mismatches: int, n: int, limit: Fraction, *, above: bool) -> float:
    """The definition itself: the polynomial p^s (1-p)^(n-s) expanded and integrated term by term, in fractions."""

    def primitive(p: Fraction) -> Fraction:
        rest = n - mismatches
        return sum(
            (
                Fraction(math.comb(rest, k) * (-1) ** k, mismatches + k + 1) * p ** (mismatches + k + 1)
                for k in range(rest + 1)
            ),
            Fraction(0),
        )

    at_limit = limit**mismatches * (1 - limit) ** (n - mismatches)
    if above:
        e = (primitive(Fraction(1)) - primitive(limit)) / ((1 - limit) * at_limit)
    else:
        e = primitive(limit) / (limit * at_limit)
    return math.log(e.numerator) - math.log(e.denominator)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 30, 61])
@pytest.mark.parametrize("limit", LIMITS)
def test_e_values_equal_exact_integration(n: int, limit: Fraction) -> None:
    """Both tails agree with rational arithmetic for every possible count."""
    for s in range(n + 1):
        assert log_e_promote(s, n, float(limit)) == pytest.approx(exact_log_e(s, n, limit, above=False), abs=1e-11)
        assert log_e_rollback(s, n, float(limit)) == pytest.approx(exact_log_e(s, n, limit, above=True), abs=1e-11)


@pytest.mark.parametrize(("limit", "needed"), [(0.05, 88), (0.02, 224), (0.01, 449), (0.005, 901)])
def test_clean_requests_needed_are_the_published_numbers(limit: float, needed: int) -> None:
    """What docs/gate.md and the operators were told."""
    assert clean_samples_needed(limit, 0.05) == needed


@pytest.mark.parametrize("n", [10**4, 10**6, 10**7])
def test_ten_million_requests_are_exact_where_a_closed_form_exists(n: int) -> None:
    """With no mismatch E_promote is (1 - (1-L)^(n+1)) / ((n+1) L (1-L)^n)."""
    limit = 0.005
    log_clean = math.log1p(-limit)
    expected = math.log1p(-math.exp((n + 1) * log_clean)) - math.log((n + 1) * limit) - n * log_clean
    assert log_e_promote(0, n, limit) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mismatches", [0, 1, 49_000, 50_000, 51_000, 5_000_000, 10**7])
def test_the_two_tails_make_up_the_whole_at_ten_million(mismatches: int) -> None:
    """L E_promote + (1-L) E_rollback is the whole beta function over the likelihood at L."""
    n, limit = 10**7, 0.005
    a, b = mismatches + 1, n - mismatches + 1
    whole = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    whole -= mismatches * math.log(limit) + (n - mismatches) * math.log1p(-limit)
    below = math.log(limit) + log_e_promote(mismatches, n, limit)
    above = math.log1p(-limit) + log_e_rollback(mismatches, n, limit)
    high, low = max(below, above), min(below, above)
    assert high + math.log1p(math.exp(low - high)) == pytest.approx(whole, rel=1e-12, abs=1e-6)


counts = st.integers(0, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
limits = st.floats(1e-5, 1 - 1e-5)


@given(counts, limits)
def test_a_clean_request_never_speaks_against_promotion(count: tuple[int, int], limit: float) -> None:
    """Each clean request raises E_promote and lowers E_rollback, which is what bisection relies on."""
    s, n = count
    assert log_e_promote(s, n + 1, limit) >= log_e_promote(s, n, limit) - 1e-7
    assert log_e_rollback(s, n + 1, limit) <= log_e_rollback(s, n, limit) + 1e-7


@given(counts, limits)
def test_a_mismatch_never_speaks_for_promotion(count: tuple[int, int], limit: float) -> None:
    """Each mismatch lowers E_promote and raises E_rollback."""
    s, n = count
    assert log_e_promote(s + 1, n + 1, limit) <= log_e_promote(s, n, limit) + 1e-7
    assert log_e_rollback(s + 1, n + 1, limit) >= log_e_rollback(s, n, limit) - 1e-7


@given(st.integers(0, 12), st.integers(0, 2_000), st.sampled_from([0.05, 0.01, 0.005]))
def test_the_announced_need_is_the_smallest_that_suffices(s: int, more: int, limit: float) -> None:
    """One request fewer would not open the gate; the announced number does."""
    n = s + more
    needed = samples_still_needed(s, n, limit, 0.05)
    threshold = math.log(20)
    assert log_e_promote(s, n + needed, limit) >= threshold
    assert needed == 0 or log_e_promote(s, n + needed - 1, limit) < threshold


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_a_limit_at_the_end_proves_nothing(limit: float) -> None:
    """No number of requests shows that a share is below 0, and every share is below 1."""
    assert log_e_promote(0, 10_000, limit) == 0.0
    assert log_e_rollback(3, 10_000, limit) == 0.0


@pytest.mark.parametrize(("s", "n", "limit"), [(-1, 5, 0.1), (6, 5, 0.1), (1, 5, 1.5), (1, 5, math.nan)])
def test_impossible_counts_are_refused(s: int, n: int, limit: float) -> None:
    """A wrong count must not become evidence."""
    with pytest.raises(ValueError):
        log_e_promote(s, n, limit)


def answers_along_a_rollout(ratio: float, *, n: int, every: int, seed: int, settings: GateSettings) -> set[Answer]:
    """Every answer somebody would see who looks each `every` requests until `n`, in one simulated rollout.

    Between two mismatches E_rollback only falls and E_promote only rises, so of all the looks there the first and the
    last suffice, and the first one from which the plain rule beyond twice the limit applies.
    """
    random_source = random.Random(seed)
    limit = settings.drift_max_ratio
    enough = clean_samples_needed(limit, settings.alpha)
    seen: set[Answer] = set()
    s, position = 0, 0
    while position <= n:
        following = position + int(math.log(1.0 - random_source.random()) / math.log1p(-ratio)) + 1
        last = min(following - 1, n) // every * every
        for first in {-(-position // every) * every, -(-max(position, enough) // every) * every, last}:
            if position <= first <= last:
                seen.add(judge(s, first, limit, settings))
        position, s = following, s + 1
    return seen


def share_that_ever_saw(answer: Answer, ratio: float, *, runs: int, every: int) -> float:
    settings = GateSettings(drift_max_ratio=0.01)
    saw = [
        answer in answers_along_a_rollout(ratio, n=5_000, every=every, seed=i, settings=settings) for i in range(runs)
    ]
    return sum(saw) / runs


@pytest.mark.parametrize("every", [1, 10])
def test_looking_often_does_not_make_the_gate_lie(every: int) -> None:
    """At half the limit it is wrongly closed, and at twice the limit wrongly opened, in at most 1 % of rollouts."""
    assert share_that_ever_saw(Answer.CLOSED, 0.005, runs=600, every=every) <= 0.01
    assert share_that_ever_saw(Answer.OPEN, 0.02, runs=600, every=every) <= 0.01


def test_the_gate_does_decide() -> None:
    """Honesty is not silence: nearly all good rollouts open and nearly all bad ones close."""
    assert share_that_ever_saw(Answer.OPEN, 0.001, runs=100, every=10) >= 0.95
    assert share_that_ever_saw(Answer.CLOSED, 0.03, runs=100, every=10) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 10])
def test_looking_often_does_not_make_the_gate_lie_in_ten_thousand_rollouts(every: int) -> None:
    """The same over enough rollouts to tell 1 % from 1.3 %."""
    assert share_that_ever_saw(Answer.CLOSED, 0.005, runs=10_000, every=every) <= 0.01
    assert share_that_ever_saw(Answer.OPEN, 0.02, runs=10_000, every=every) <= 0.01
