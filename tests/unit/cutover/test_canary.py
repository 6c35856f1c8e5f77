"""The canary watch: red at once, green after the whole time only, held by silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.cutover.canary import CanaryLimits, CanaryRow, watch_canary
from engine.cutover.canary_evidence import CanaryLabel
from engine.cutover.canary_sources import PrometheusWatch, ScrapeWatch
from engine.errors import InvalidInput, Unavailable

POLICY = "lksg.v1"
INTERVAL_S = 5.0
BOUNDS = ("0.005", "0.01", "0.6", "1.0", "+Inf")


class FakeVerifier:
    """What one verifier exposes, moved by hand."""

    def __init__(self, replica: str) -> None:
        self.replica = replica
        self.started = 1.0
        self.results = {"ok": 0, "error": 0}
        self.latency = dict.fromkeys(BOUNDS, 0)
        self.enforced = self.drift = 0
        self.is_down = False
        self.hides_errors = False

    def serve(
        self, requests: int, *, seconds: str = "0.01", errors: int = 0, enforced: int = 0, drift: int = 0
    ) -> None:
        self.results["ok"] += requests - errors
        self.results["error"] += errors
        self.latency[seconds] += requests
        self.enforced += enforced
        self.drift += drift

    def restart(self) -> None:
        self.started += 1
        self.results = {"ok": 0, "error": 0}
        self.latency = dict.fromkeys(BOUNDS, 0)
        self.enforced = self.drift = 0

    def exposition(self) -> str:
        if self.is_down:
            raise Unavailable("telemetry.unreachable", "The verifier does not answer")
        me = f'replica="{self.replica}"'
        results = {name: n for name, n in self.results.items() if name != "error" or not self.hides_errors}
        lines = [f"cap_verifier_start_time_seconds{{{me}}} {self.started}"]
        lines += [f'cap_verifier_requests_total{{{me},result="{name}"}} {n}' for name, n in results.items()]
        below = 0
        lines.append("# TYPE cap_verifier_request_duration_seconds histogram")
        for bound, count in self.latency.items():
            below += count
            lines.append(f'cap_verifier_request_duration_seconds_bucket{{{me},le="{bound}"}} {below}')
        mode = f'{me},policy_id="{POLICY}"'
        lines.append(f'adapt_requests_total{{{mode},mode="enforced"}} {self.enforced}')
        lines.append(f'adapt_drift_direction_events_total{{{mode},direction="over_block"}} {self.drift}')
        return "\n".join(lines) + "\n"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


Watch = Callable[..., list[CanaryRow]]


@pytest.fixture
def watch(clock: ManualClock) -> Watch:
    """Watches verifiers while `each(look)` moves them, look by look; returns every row."""

    def run(
        verifiers: Iterable[FakeVerifier], each: Callable[[int], Any], *, for_s: float = 60, **limits: Any
    ) -> list[CanaryRow]:
        look = 0

        def sleep(seconds: float) -> None:
            nonlocal look
            clock.advance(seconds)
            each(look := look + 1)

        source = ScrapeWatch(lambda: {verifier.replica: verifier.exposition for verifier in verifiers})
        rows = watch_canary(
            source,
            CanaryLimits(for_s=for_s, **limits),
            policy_id=POLICY,
            clock=clock,
            interval_s=INTERVAL_S,
            sleep=sleep,
        )
        return list(rows)

    return run


def test_it_is_green_after_the_whole_time_and_not_before(watch: Watch) -> None:
    one = FakeVerifier("r1")
    rows = watch([one], lambda _: one.serve(100))
    assert [row.answer for row in rows[:-1]] == ["hold"] * (len(rows) - 1)
    assert (rows[-1].answer, rows[-1].final, rows[-1].reasons) == ("yes", True, ())
    assert rows[-1].clean_s == 60
    # The first look finds no requests yet: it takes one interval more than the time that must be clean.
    assert len(rows) == 60 / INTERVAL_S + 2


def test_what_was_counted_before_the_watch_is_not_held_against_it(watch: Watch) -> None:
    one = FakeVerifier("r1")
    one.serve(1000, errors=500, seconds="1.0")
    assert watch([one], lambda _: one.serve(100))[-1].answer == "yes"


def test_one_5xx_is_red_at_once(watch: Watch) -> None:
    one = FakeVerifier("r1")
    rows = watch([one], lambda look: one.serve(10_000, errors=int(look == 3)))
    assert (rows[-1].answer, len(rows)) == ("no", 4)
    assert rows[-1].reasons == ("1 of 30,000 answers were 5xx",)


def test_a_series_of_errors_that_is_born_late_counts_from_zero(watch: Watch) -> None:
    """Its first sample is already 7; nothing was there before, so all seven happened during the watch."""
    one = FakeVerifier("r1")
    one.hides_errors = True

    def each(look: int) -> None:
        one.serve(100)
        if look == 4:
            one.hides_errors = False
            one.serve(7, errors=7)

    rows = watch([one], each)
    assert (rows[-1].answer, len(rows)) == ("no", 5)
    assert "7 of 407" in rows[-1].reasons[0]


def test_errors_of_a_process_that_was_killed_meanwhile_are_not_lost(watch: Watch) -> None:
    """The counter fell to 1 and had been 0 before: the new process counted that one."""
    one = FakeVerifier("r1")

    def each(look: int) -> None:
        if look == 3:
            one.restart()
        one.serve(100, errors=int(look == 3))

    rows = watch([one], each)
    assert rows[-1].answer == "no"
    assert set(rows[-1].reasons) == {"1 of 300 answers were 5xx", "1 restart of a verifier"}


def test_a_restart_is_red(watch: Watch) -> None:
    one = FakeVerifier("r1")

    def each(look: int) -> None:
        if look == 3:
            one.restart()
        one.serve(100)

    rows = watch([one], each)
    assert (rows[-1].answer, rows[-1].reasons) == ("no", ("1 restart of a verifier",))


def test_a_verifier_that_comes_or_goes_is_no_restart(watch: Watch, clock: ManualClock) -> None:
    """An autoscaler adds and takes away; what the departed counted stays counted."""
    one, two = FakeVerifier("r1"), FakeVerifier("r2")
    fleet = [one]

    def each(look: int) -> None:
        one.serve(100)
        if look == 3:
            two.started = clock.now().timestamp()
            fleet.append(two)
        if 3 <= look <= 6:
            two.serve(50)
        if look == 7:
            fleet.remove(two)

    rows = watch(fleet, each)
    assert (rows[-1].answer, rows[-1].tracks["all"].verifiers, rows[-1].tracks["all"].restarts) == ("yes", 2, 0)
    assert rows[-1].tracks["all"].traffic.requests == 100 * (len(rows) - 1) + 200


def test_silence_ends_the_watch_without_a_verdict(watch: Watch) -> None:
    one = FakeVerifier("r1")
    one.is_down = True
    rows = watch([one], lambda _: None, patience_s=30)
    assert (rows[-1].answer, rows[-1].final, rows[-1].clean_s) == ("hold", True, 0)
    assert "does not answer" in rows[-1].reasons[0]
    assert len(rows) == 30 / INTERVAL_S + 1


def test_nobody_to_watch_is_silence(watch: Watch) -> None:
    assert watch([], lambda _: None, patience_s=10)[-1].answer == "hold"


def test_no_requests_are_silence_however_healthy_everything_looks(watch: Watch) -> None:
    one = FakeVerifier("r1")
    one.serve(1000)
    rows = watch([one], lambda _: None)
    assert (rows[-1].answer, rows[-1].reasons) == ("hold", ("silence: no requests since the watch began",))


def test_requests_that_stop_half_way_are_silence(watch: Watch) -> None:
    one = FakeVerifier("r1")
    rows = watch([one], lambda look: one.serve(100 if look < 6 else 0), for_s=600)
    assert (rows[-1].answer, rows[-1].final) == ("hold", True)
    assert "no requests for" in rows[-1].reasons[0]


def test_a_short_silence_costs_time_and_nothing_else(watch: Watch) -> None:
    one = FakeVerifier("r1")

    def each(look: int) -> None:
        one.serve(100)
        one.is_down = look in (4, 5)

    rows = watch([one], each)
    assert rows[-1].answer == "yes"
    # Two looks without an answer, and the stretch in which it came back was not seen either.
    assert len(rows) == 60 / INTERVAL_S + 2 + 3


def test_a_5xx_that_silence_hides_is_found_when_it_ends(watch: Watch) -> None:
    one = FakeVerifier("r1")

    def each(look: int) -> None:
        one.is_down = look in (4, 5)
        one.serve(100, errors=int(look == 4))

    rows = watch([one], each)
    assert (rows[-1].answer, len(rows)) == ("no", 7)


def test_a_slow_canary_is_red_on_evidence(watch: Watch) -> None:
    one = FakeVerifier("r1")
    rows = watch([one], lambda _: one.serve(20, seconds="1.0"))
    assert rows[-1].answer == "no"
    assert "p95" in rows[-1].reasons[0]
    assert rows[-1].tracks["all"].traffic.requests == 100


@pytest.mark.parametrize(("drift", "answer"), [(0, "yes"), (50, "no")])
def test_proven_drift_is_red(watch: Watch, drift: int, answer: str) -> None:
    one = FakeVerifier("r1")
    assert watch([one], lambda _: one.serve(400, enforced=100, drift=drift))[-1].answer == answer


def test_drift_over_the_limit_that_is_not_proven_is_for_a_person(watch: Watch) -> None:
    one = FakeVerifier("r1")
    rows = watch([one], lambda look: one.serve(100, enforced=10, drift=int(look == 2)))
    assert (rows[-1].answer, rows[-1].final) == ("hold", True)
    assert "not proven yet" in rows[-1].reasons[0]


def test_a_canary_much_slower_than_the_rest_is_for_a_person(watch: Watch) -> None:
    stable, canary = FakeVerifier("stable-1"), FakeVerifier("canary-2")

    def each(_: int) -> None:
        stable.serve(75, seconds="0.005")
        canary.serve(25, seconds="0.6")

    rows = watch([stable, canary], each, for_s=30)
    assert rows[-1].answer == "hold"
    assert "the canary's p95" in rows[-1].reasons[0]
    assert set(rows[-1].tracks) == {"all", "stable", "canary"}


def test_a_5xx_of_the_canary_says_whose_it_was(watch: Watch) -> None:
    stable, canary = FakeVerifier("stable-1"), FakeVerifier("canary-2")

    def each(look: int) -> None:
        stable.serve(75)
        canary.serve(25, errors=int(look == 2))

    assert watch([stable, canary], each)[-1].reasons == ("1 of 200 answers were 5xx (canary 1, stable 0)",)


def test_a_canary_without_requests_of_its_own_is_silence(watch: Watch) -> None:
    stable, canary = FakeVerifier("stable-1"), FakeVerifier("canary-2")
    rows = watch([stable, canary], lambda _: stable.serve(100))
    assert (rows[-1].answer, rows[-1].final) == ("hold", True)


@pytest.mark.parametrize("exposition", ["<html>", "other 1\n", 'cap_verifier_requests_total{result="ok"} NaN\n', ""])
def test_what_is_no_metric_is_silence(clock: ManualClock, exposition: str) -> None:
    source = ScrapeWatch(lambda: {"x": lambda: exposition})
    rows = watch_canary(
        source,
        CanaryLimits(for_s=10, patience_s=5),
        policy_id=POLICY,
        clock=clock,
        label=CanaryLabel(),
        sleep=clock.advance,
    )
    assert [row.answer for row in rows] == ["hold", "hold"]


@pytest.mark.parametrize(
    "limits", [{"for_s": 0}, {"for_s": 1e9}, {"patience_s": 0}, {"drift_max": 2}, {"for_s": float("nan")}]
)
def test_impossible_limits_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        CanaryLimits(**limits)


class TestPrometheus:
    """What only a fake can show: a target that is gone, with the marker that a real server writes by itself."""

    @staticmethod
    def source(up: dict[str, int], *, silent_s: float = 0.0) -> PrometheusWatch:
        def query(text: str) -> list[dict[str, Any]]:
            if text.startswith("up{"):
                return [{"metric": {"instance": name}, "value": [1000, str(value)]} for name, value in up.items()]
            if "start_time" not in text:
                return []
            return [
                {
                    "metric": {"__name__": "cap_verifier_start_time_seconds", "instance": name},
                    "values": [[1000 - (silent_s if name == "b" else 0), "1"]],
                }
                for name in ("a", "b")
            ]

        return PrometheusWatch(query, match='namespace="cap"')

    def test_a_target_that_is_no_longer_one_is_not_down_and_not_silent(self) -> None:
        seen = self.source({"a": 1}, silent_s=500).look(since_s=900, now_s=1000)
        assert (seen.down, seen.newest_s, seen.replicas) == ((), 1000, 1)

    def test_a_target_that_does_not_answer_is_down(self) -> None:
        seen = self.source({"a": 1, "b": 0}, silent_s=500).look(since_s=900, now_s=1000)
        assert (seen.down, seen.newest_s) == (("b: Prometheus cannot scrape it",), 1000)

    def test_one_that_is_silent_though_up_makes_the_whole_old(self) -> None:
        assert self.source({"a": 1, "b": 1}, silent_s=500).look(since_s=900, now_s=1000).newest_s == 500

    @pytest.mark.parametrize(
        "answer",
        [[{}], [{"metric": {}}], [{"metric": {}, "value": ["x", "y"]}], [{"metric": {}, "value": [1, "NaN"]}]],
    )
    def test_an_answer_that_is_no_series_is_silence(self, answer: list[dict[str, Any]]) -> None:
        with pytest.raises(Unavailable):
            PrometheusWatch(lambda _: answer).look(since_s=900, now_s=1000)
