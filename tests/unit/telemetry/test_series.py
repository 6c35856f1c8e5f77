"""Increases of counters: exact whatever is restarted, and never more than was seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.telemetry import names
from engine.telemetry.series import Scraped, Series, by_origin, requests_per_s, traffic_since

POLICY = "p.v1"


def scraped(*points: tuple[float, float], starts: dict[float, float] | None = None) -> Scraped:
    """A verifier with one counter; by default it began before everything and was scraped with every point."""
    times = {at: 0.0 for at, _ in points} if starts is None else starts
    return Scraped(times, (Series({"__name__": "c", "policy_id": POLICY}, points),))


def test_an_increase_is_the_difference_from_the_last_sample_before() -> None:
    assert scraped((10, 5), (20, 7), (30, 12)).increase(20, "c") == 5
    assert scraped((10, 5), (20, 7), (30, 12)).increase(25, "c") == 5


def test_a_series_born_while_its_verifier_was_scraped_counts_from_zero() -> None:
    """A policy that was published, or a step that began, between two scrapes."""
    assert scraped((20, 7), (30, 9), starts={10: 0, 20: 0, 30: 0}).increase(0, "c") == 9


def test_a_verifier_that_began_in_the_range_counts_from_zero() -> None:
    """Its first scrape found 7 already: they belong to the range."""
    assert scraped((20, 7), (30, 9), starts={20: 15, 30: 15}).increase(10, "c") == 9


def test_what_nobody_scraped_is_not_made_up() -> None:
    """Prometheus began long after the verifier: only what it saw counts, not all that the process ever did."""
    assert scraped((20, 7000), (30, 7002), starts={20: 1, 30: 1}).increase(10, "c") == 2


def test_a_counter_that_falls_was_restarted() -> None:
    assert scraped((10, 5), (20, 3)).increase(5, "c") == 3
    assert scraped((10, 5), (20, 3), (30, 4)).increase(15, "c") == 4


def test_a_restart_that_overtakes_the_counter_is_seen_by_the_start_of_the_process() -> None:
    """5 before, 9 after, and none of the 9 was among the 5."""
    assert scraped((10, 5), (20, 9), starts={10: 0, 20: 15}).increase(5, "c") == 9
    assert scraped((5, 5), (10, 5), (20, 9), starts={5: 0, 10: 0, 20: 15}).increase(7, "c") == 9


def test_a_scrape_between_two_questions_is_no_restart() -> None:
    """The counters were asked for after the starts, and one more scrape had happened by then."""
    assert scraped((10, 5), (20, 7), (30, 9), starts={10: 0, 20: 0}).increase(15, "c") == 4


@given(
    st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=6), min_size=1, max_size=4),
    st.integers(0, 24),
)
def test_the_increase_is_every_event_that_was_scraped_after_the_moment(runs: list[list[int]], since: int) -> None:
    """Runs of a process, one after the other, each scraped every second, counting some events before each scrape."""
    points, starts, events, now = [], {}, [], 0
    for run in runs:
        began, value = now, 0
        for counted in run:
            now += 1
            value += counted
            points.append((float(now), float(value)))
            starts[float(now)] = float(began)
            events.append((now, counted))
    found = scraped(*points, starts=starts).increase(since, "c")
    assert found == sum(counted for at, counted in events if at > since)


def test_series_are_told_apart_by_who_was_scraped() -> None:
    """What is from a target that is no verifier is left out."""
    points = ((1.0, 1.0),)
    found = by_origin(
        [
            Series({"__name__": names.STARTED, "instance": "a"}, points),
            Series({"__name__": "c", "instance": "a", "policy_id": POLICY}, points),
            Series({"__name__": "c", "instance": "stranger"}, points),
        ]
    )
    assert {origin: len(scraped.series) for origin, scraped in found.items()} == {(("instance", "a"),): 2}


def test_workers_behind_one_address_are_told_apart() -> None:
    """Each scrape meets one of them; neither seems to be restarted whenever the other answers."""

    def of(replica: str, name: str, *points: tuple[float, float]) -> Series:
        return Series({"__name__": name, "instance": "a", "replica": replica, "policy_id": POLICY}, points)

    found = by_origin(
        [
            of("r-1", names.STARTED, (1.0, -2.0), (3.0, -2.0)),
            of("r-2", names.STARTED, (2.0, -1.0), (4.0, -1.0)),
            of("r-1", "c", (1.0, 10.0), (3.0, 30.0)),
            of("r-2", "c", (2.0, 7.0), (4.0, 9.0)),
        ]
    )
    assert sum(scraped.increase(2.5, "c") for scraped in found.values()) == 20 + 2


def test_the_rate_is_of_the_last_ten_seconds() -> None:
    """Two requests/s lately, whatever was before; unknown, and therefore 0, after one scrape."""
    points = ((0.0, 0.0), (90.0, 900.0), (95.0, 910.0), (100.0, 920.0))
    series = Series({"__name__": names.DECISIONS, "policy_id": POLICY}, points)
    assert requests_per_s(Scraped({at: -1.0 for at, _ in points}, (series,)), POLICY) == 2.0
    assert requests_per_s(Scraped({0.0: -1.0}, (series,)), POLICY) == 0.0


def test_latencies_are_never_understated() -> None:
    """95 answers within 5 ms and 5 within 600 ms: both p95 and p99 stay at or above what Prometheus' buckets say."""
    counts = {"0.005": 95.0, "0.6": 100.0, "+Inf": 100.0}
    starts = {0.0: -1.0, 10.0: -1.0}
    series = [
        Series({"__name__": names.DURATION_BUCKETS, "le": le}, ((0.0, 0.0), (10.0, count)))
        for le, count in counts.items()
    ]
    series.append(Series({"__name__": names.REQUESTS, "result": "ok"}, ((0.0, 0.0), (10.0, 98.0))))
    series.append(Series({"__name__": names.REQUESTS, "result": "error"}, ((0.0, 0.0), (10.0, 2.0))))
    traffic = traffic_since(Scraped(starts, tuple(series)), 0.0)
    assert (traffic.requests, traffic.errors_5xx) == (100, 2)
    assert traffic.quantile_s(0.5) is not None
    assert 0.004 < (traffic.quantile_s(0.9) or 0) < 0.0075
    assert 0.42 < (traffic.quantile_s(0.99) or 0) <= 0.6
